"""Recovery codes: ten random one-time codes, kept only as salted hashes.

A code has 60 random bits, so a plain SHA-256 is enough: trying them all costs 2^60 hashes, and who can read the hashes
reads the TOTP secrets beside them anyway.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from nas2fa.store.records import Invite, RecoverySet

ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 signs; no l, o, 0, 1
LENGTH: Final = 12  # signs: 60 bits
GROUP: Final = 4
COUNT: Final = 10


def new_code() -> str:
    """A fresh code in groups of four."""
    signs = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(signs[i : i + GROUP] for i in range(0, LENGTH, GROUP))


def plain(text: str) -> str | None:
    """What was typed, without groups and in lower case; None when it cannot be a code of this kind."""
    signs = text.replace(" ", "").replace("-", "").lower()
    if len(signs) != LENGTH or any(c not in ALPHABET for c in signs):
        return None
    return signs


def new_set() -> tuple[RecoverySet, tuple[str, ...]]:
    """A set to keep, and its codes to show once."""
    codes = tuple(new_code() for _ in range(COUNT))
    salt = secrets.token_bytes(16)
    hashes = tuple(_hash(salt, code.replace("-", "")) for code in codes)
    return RecoverySet(secrets.token_hex(8), salt, hashes), codes


def find(recovery: RecoverySet, code: str) -> int | None:
    """The index of this plain code in the set. Every hash is compared, so time does not tell which one it was."""
    typed = _hash(recovery.salt, code)
    hits = [hmac.compare_digest(h, typed) for h in recovery.hashes]
    return hits.index(True) if True in hits else None


def mark(recovery: RecoverySet, index: int) -> str:
    """The name under which a used code stands in UserState.spent."""
    return f"{recovery.set_id}:{index}"


def left(recovery: RecoverySet | None, spent: frozenset[str]) -> int:
    """How many codes of the set can still be used."""
    if recovery is None:
        return 0
    return sum(mark(recovery, i) not in spent for i in range(len(recovery.hashes)))


def new_invite(expires: int) -> tuple[Invite, str]:
    """An invite to keep, valid until `expires` (unix seconds), and its code to hand over."""
    code, salt = new_code(), secrets.token_bytes(16)
    return Invite(salt, _hash(salt, code.replace("-", "")), expires), code


def invited(invite: Invite | None, text: str, wall: float) -> bool:
    """True when the typed text is the code of this invite and its time is not over."""
    code = plain(text)
    if invite is None or code is None or wall >= invite.expires:
        return False
    return hmac.compare_digest(invite.hash, _hash(invite.salt, code))


def _hash(salt: bytes, code: str) -> bytes:
    return hashlib.sha256(salt + code.encode("ascii")).digest()
