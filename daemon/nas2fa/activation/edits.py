"""What switching on writes into files, as text: from what a file holds to what it will hold. Pure.

Lines of ours stand between two marks in files that belong to somebody else, so that the way back finds them whatever
was changed around them. `switch-back`, which takes them out again, knows the same marks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

BEGIN, END = "# nas2fa BEGIN", "# nas2fa END"

# Lines of the admin's own before the password (pam_listfile, pam_faillock) stay before ours; no account line does.
_AUTH = (re.compile(r"^@include\s+common-auth\b", re.MULTILINE), re.compile(r"^-?auth\s", re.MULTILINE))
_ACCOUNT = (re.compile(r"^(@include\s+common-account\b|-?account\s)", re.MULTILINE),)
_OURS = re.compile(r"^[^#\n]*\bpam_nas2fa\.so\b", re.MULTILINE)


class Keys(StrEnum):
    """What becomes of ssh logins with a key."""

    GUARD = "guard"  # who has a second step is refused with a key alone
    CODE = "code"  # key, then code; without a key: password, then code
    PASSWORD = "password"  # noqa: S105 (a word)  key, then password, then code


@dataclass(frozen=True, slots=True)
class KeyOnly:
    """A user that may go on logging in by a key alone, from these networks."""

    user: str
    networks: tuple[str, ...]


_GUARD_LINE = "account required pam_nas2fa.so guard"
_GRANT_LINE = "account requisite pam_nas2fa.so"
_PUBKEY_LINE = "auth [success=done new_authtok_reqd=done ignore=ignore default=die] pam_nas2fa.so pubkey"
_KEY_ONLY = re.compile(r"^Match User (\S+) Address (\S+)$", re.MULTILINE)
_METHODS = "publickey,keyboard-interactive:pam keyboard-interactive:pam"

_DROP_IN = """\
# Written by `nas2fa system enable`; `nas2fa system disable` takes it away. Its name sorts first: the first value wins.
# The method "password" cannot ask a second question.
KbdInteractiveAuthentication yes
PasswordAuthentication no
UsePAM yes
"""


def drop_in(keys: Keys, exempt: Sequence[KeyOnly] = ()) -> str:
    """The text of sshd's drop-in. `exempt` counts with CODE and PASSWORD alone; the guard asks the policy instead."""
    if keys is Keys.GUARD:
        return _DROP_IN
    text = _DROP_IN + f"AuthenticationMethods {_METHODS}\n"
    for one in exempt:
        text += (
            f"Match User {one.user} Address {','.join(one.networks)}\n    AuthenticationMethods publickey {_METHODS}\n"
        )
    return text + ("Match all\n" if exempt else "")


def key_only(text: str) -> tuple[KeyOnly, ...]:
    """The users whom drop_in() made exempt in this text."""
    return tuple(KeyOnly(user, tuple(places.split(","))) for user, places in _KEY_ONLY.findall(text))


def in_force(keys: Keys) -> dict[str, tuple[str, ...]]:
    """What `sshd -T` has to say for anybody who is not exempt: the keyword in lower case, and its words."""
    wanted: dict[str, tuple[str, ...]] = {
        "kbdinteractiveauthentication": ("yes",),
        "passwordauthentication": ("no",),
        "usepam": ("yes",),
    }
    return wanted if keys is Keys.GUARD else {**wanted, "authenticationmethods": tuple(_METHODS.split())}


def sshd_stack(text: str, keys: Keys) -> str:
    """`text` of /etc/pam.d/sshd with the lines that deal with keys.

    The guard comes before all else of its kind: an included `sufficient` would end the stack before it.
    """
    text = _before(_ACCOUNT, text, [_GUARD_LINE])
    return _before(_AUTH, text, [_PUBKEY_LINE]) if keys is Keys.CODE else text


def samba_stack(text: str) -> str:
    """`text` of /etc/pam.d/samba with the line that asks nas2fad for a grant, before all else of its kind."""
    return _before(_ACCOUNT, text, [_GRANT_LINE])


def one_field_stack(text: str, recipe: str) -> str:
    """`text` of the stack of a service that asks once, with the lines of `recipe` before its password line."""
    lines = [line for line in recipe.splitlines() if line.strip() and line not in (BEGIN, END)]
    return _before(_AUTH, text, lines)


def has_own_lines(text: str) -> bool:
    """Whether a PAM stack names our module, outside of comments."""
    return _OURS.search(text) is not None


def _before(anchors: Sequence[re.Pattern[str]], text: str, lines: Sequence[str]) -> str:
    """`text` with a marked block before the first line that the first fitting anchor finds; without one at the end."""
    found = next(filter(None, (anchor.search(text) for anchor in anchors)), None)
    if found is None and text and not text.endswith("\n"):
        text += "\n"
    place = found.start() if found else len(text)
    return text[:place] + "".join(f"{line}\n" for line in (BEGIN, *lines, END)) + text[place:]
