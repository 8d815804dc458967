"""Checks of exemptions: which have ended, and whether sshd knows the same as nas2fad."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nas2fa.activation import edits
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import SWITCH, Finding, Severity
from nas2fa.activation.key_only import from_exemptions, in_force, pairs
from nas2fa.activation.places import DROP_IN

SOON = 7 * 86400  # seconds before the end of an exemption at which it is told
_AGAIN = f"Let it be written anew: {SWITCH}, a login with a code, nas2fa system confirm"


def exemptions_are_in_force(look: Examination) -> Iterator[Finding]:
    """Those that have ended, and those made for long that end soon: backups fail on that day."""
    for row in _rows(look) or ():
        left = row["until"] - time.time()
        if row["over"] or (left < SOON and row["until"] - row["created"] > 2 * SOON):
            who = row["user"] or f"@{row['group']}"
            yield Finding(
                "exemption-ended" if row["over"] else "exemption-ends-soon",
                Severity.NOTE if row["over"] else Severity.WARNING,
                row["id"],
                f"The exemption of {who} at {row['service']} from {row['network']} ({row['reason']}) "
                + ("has ended." if row["over"] else f"ends in {max(1, round(left / 86400))} days."),
                "From then on a code is asked for again, which a program cannot answer.",
                f"If it is still needed, make another (nas2fa exempt add); then: nas2fa exempt remove {row['id']}",
            )


def sshd_knows_the_same(look: Examination) -> Iterator[Finding]:
    """Where keys need a code as well, sshd itself has to know who is exempt; it learns that when switched on."""
    rows = _rows(look)
    if rows is None or in_force(look.system).chosen in (None, edits.Keys.GUARD):
        return
    known, exempt = pairs(edits.key_only(look.system.read(DROP_IN) or "")), pairs(from_exemptions(rows))
    for user, network in sorted(known - exempt):
        yield Finding(
            "key-alone-still-open",
            Severity.ERROR,
            DROP_IN,
            f"sshd takes a key alone of {user} from {network}, and no exemption for that is in force.",
            "Who has no second step gets in by that key alone; who has one is refused with it, and not asked.",
            _AGAIN,
        )
    for user, network in sorted(exempt - known):
        yield Finding(
            "key-alone-not-open",
            Severity.NOTE,
            DROP_IN,
            f"There is an exemption of {user} from {network}, but sshd does not know that a key alone is enough.",
            "sshd asks for more after the key, which a program cannot answer.",
            _AGAIN,
        )


def _rows(look: Examination) -> Sequence[Mapping[str, Any]] | None:
    """The exemptions; None where they cannot be told (daemon_is_well() says why)."""
    if look.ask is None or look.health.get("exemptions", "ok") != "ok":
        return None
    return look.ask("exempt.list", {})[1]


CHECKS = (exemptions_are_in_force, sshd_knows_the_same)
