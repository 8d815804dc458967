"""The verbs of the control socket, each a few lines between the table (control/verbs.py) and a use case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from nas2fa.server.peers import Peer
from nas2fa.server.verbs import box, clock, exempting, own, sharing, users
from nas2fa.server.verbs.desk import Act, Args, Desk

__all__ = ["VERBS", "Desk"]

VERBS: Final[Mapping[str, Callable[[Desk, Peer, Args], Act | dict[str, Any]]]] = {
    "status": own.status,
    "test": own.test,
    "setup": own.set_up,
    "authenticator.add": own.authenticator_add,
    "authenticator.remove": own.authenticator_remove,
    "disable": own.disable,
    "recovery-codes": own.recovery_codes,
    "signin.verified": own.signin_verified,
    "user.list": users.user_list,
    "user.show": users.user_show,
    "user.add": users.user_add,
    "user.invite": users.user_invite,
    "user.reset": users.user_reset,
    "user.unlock": users.user_unlock,
    "user.rename": users.user_rename,
    "user.forget": users.user_forget,
    "exempt.add": exempting.add,
    "exempt.list": exempting.listing,
    "exempt.remove": exempting.remove,
    "imagine": exempting.imagine,
    "smb.unlock": sharing.unlock,
    "smb.attempts": sharing.attempts,
    "smb.grants": sharing.listing,
    "smb.revoke": sharing.revoke,
    "explain": box.explain,
    "accepted": box.accepted,
    "repair": box.repair,
    "rescue-clock": box.rescue_clock,
    "clock": clock.clock,
    "health": box.health,
}
