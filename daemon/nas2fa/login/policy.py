"""Who is asked for a code: one pure decision, from the record and the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nas2fa.store.records import Credential


class Action(StrEnum):
    """code: ask one. skip: ask none. deny: refuse without asking."""

    CODE = "code"
    SKIP = "skip"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do and which rule said so, in words for `explain`."""

    action: Action
    rule: str


SIGN_IN: Final = "nas2fa"  # the PAM service by which nas2fa-signin proves a password; it opens nothing but the set-up


def decide(credential: Credential, service: str, unenrolled: str) -> Decision:
    """A code for everybody who is enrolled; for the others the option `unenrolled` (pass or deny) speaks.

    Where nobody gets in without a second step, setting one up must still be possible.
    """
    if credential.armed:
        return Decision(Action.CODE, "enrolled: a code is asked")
    if service == SIGN_IN:
        return Decision(Action.SKIP, "not enrolled, and about to set up: no code is asked")
    if unenrolled == "pass":
        return Decision(Action.SKIP, "not enrolled, and unenrolled = pass: no code is asked")
    return Decision(Action.DENY, "not enrolled, and unenrolled = deny")
