"""What may be typed at the code prompt, and the menu that tells it.

A line of the menu is one `Method`. At a login the menu is the same for all and names what anybody could have: it may
stand behind a wrong password, where a decoy asks or our line follows `required pam_unix.so`, and nas2fad cannot tell.
What a person has is told to their own programs and commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nas2fa import texts
from nas2fa.factors import recovery
from nas2fa.store.records import Credential, UserState

SIGN: Final = "?"  # typed alone, it asks for the menu
MENUS_MAX: Final = 2  # of one conversation: a program that always answers the same comes to an end


@dataclass(frozen=True, slots=True)
class Method:
    """One way to answer: its line of the menu, and who has it."""

    line: str
    has: Callable[[Credential, UserState], bool]


METHODS: Final = (
    Method(texts.BY_APP, lambda credential, _: bool(credential.apps)),
    Method(texts.BY_COUNTER, lambda credential, _: bool(credential.tokens)),
    Method(texts.BY_RECOVERY, lambda credential, state: recovery.left(credential.recovery, state.spent) > 0),
)


def blank(text: str) -> bool:
    """Whether an answer is no guess: nothing, or the question for the menu."""
    return text.replace(" ", "") in ("", SIGN)


def wants_menu(text: str, shown: int) -> bool:
    """Whether the menu is to be shown, after `shown` times. Nothing asks for it once, as programs answer nothing."""
    return blank(text) and shown < (MENUS_MAX if SIGN in text else 1)


def menu(credential: Credential | None, state: UserState) -> str:
    """The menu for this user; None: for somebody of whom nothing may be told."""
    lines = [method.line for method in METHODS if credential is None or method.has(credential, state)]
    return "\n".join((texts.MENU, *(f"  - {line}" for line in lines)))
