"""What is looked at before anything is changed: whether the box is fit for it, and who gets in afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nas2fa.activation import entrance, rescue, state
from nas2fa.activation.admins import Admin, has_password
from nas2fa.activation.edits import Keys
from nas2fa.activation.places import CONFIG, SCRIPT
from nas2fa.activation.switch import Ask
from nas2fa.activation.system import HOSTS_CLOCK, System, contained


def no_box_for_it(system: System) -> str | None:
    """Why this box cannot be switched on at all, and what to do instead; None when it can."""
    version = system.read("/etc/version") or ""
    if system.path("/usr/bin/midclt").exists() or re.search("truenas", version, re.IGNORECASE):
        return (
            "This is TrueNAS: its middleware writes PAM and sshd files anew at each change and update, so this would "
            "be gone without a word. TrueNAS has a second factor of its own; see docs/nas.md."
        )
    if not system.path("/run/systemd/system").is_dir():
        return (
            "This box does not run systemd, whose timer and boot order undo a switch that nobody confirms. "
            "docs/nas.md says how to do it by hand there."
        )
    return None


def busy(system: System) -> str | None:
    """What is under way that a switch would get in the way of; None when nothing is."""
    if state.left_over(system) is not None:
        return (
            "A switch of an earlier start of the box is on trial: its way back did not run. This command undoes it "
            f"first, but not with --dry-run. To do that alone: {SCRIPT} roll-back"
        )
    if state.pending(system) is not None:
        return (
            "A switch is on trial already. Confirm it (nas2fa system confirm), wait until it undoes itself, or switch "
            "all off (nas2fa system disable)."
        )
    if system.run(["debconf-communicate", "libpam-runtime"], "GET libpam-runtime/profiles\n").status != 0:
        return "apt or dpkg is at work (debconf is locked). Wait until it is done, then try again."
    return None


def clock_off(system: System, ask: Ask) -> tuple[str | None, str | None]:
    """Why no code would fit, as the clock is off, and what to do; and what to be warned of. Raises as `ask`."""
    found, _ = ask("clock", {})
    if not found["refusal"]:
        return None, "\n".join([found["head"], *found["lines"]]) if found["doubt"] else None
    remedy = [HOSTS_CLOCK] if contained(system) else [f"  {command}" for command in found["remedy"]]
    return "\n".join([found["refusal"], "Put it right, or overrule this by --despite-clock REASON.", *remedy]), None


def overrule_clock(ask: Ask, despite: str) -> None:
    """Have the journal say that root goes on although the clock is off, if it is. Raises as `ask`."""
    ask("clock", {"measure": False, "despite": despite})


def no_way_back(system: System, admins: Sequence[Admin], keys: Keys, ask: Ask) -> str | None:
    """Why the administrators might not get in afterwards, and what to do; None when they will. Raises as `ask`."""
    _, rows = ask("user.list", {})
    ready, why_not = [], []
    for admin in admins:
        row = next((row for row in rows if row["uid"] == admin.uid), None)
        lack = _lack(system, admin, row, keys) or _barred(system, admin, keys, ask)
        if lack is None:
            ready.append(row)
        else:
            why_not.append(f"  {admin.user}: {lack}")
    tried = rescue.tested(system)
    if len(ready) >= 2 or (ready and tried and any(row and row["recovery_left"] for row in ready)):
        return None
    return "\n".join(
        [
            "Too few administrators would get in afterwards. Needed are two with a second step that they have used,",
            "or one who has recovery codes, on a box whose rescue at the boot loader was tried (docs/operations.md).",
            *why_not,
            *(["  Only one is ready, and the rescue was not tried yet."] if ready and not tried else []),
            *(["  The one who is ready has no recovery codes: nas2fa recovery-codes"] if ready and tried else []),
        ]
    )


def _barred(system: System, admin: Admin, keys: Keys, ask: Ask) -> str | None:
    why = entrance.barred(system, admin, keys, ask)
    return f"would be refused by the rules of {CONFIG} ({why})" if why else None


def _lack(system: System, admin: Admin, row: Mapping[str, Any] | None, keys: Keys) -> str | None:
    """What keeps an administrator from logging in with a code; None: nothing."""
    if row is None or not row["armed"]:
        if keys is not Keys.CODE and not has_password(system, admin.user):
            return "has no second step, and as its password is locked it needs none"
        return f"has no second step (nas2fa setup --user {admin.user})"
    if row["fault"]:
        return "has a record that cannot be read (nas2fa repair)"
    if not row["last_ok"]:
        return f"has never used the second step (nas2fa test {admin.user})"
    if keys is not Keys.CODE and not has_password(system, admin.user):
        return f"has no password to log in with (passwd {admin.user}, or --ssh-keys code)"
    return None
