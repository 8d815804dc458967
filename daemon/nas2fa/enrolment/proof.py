"""Who may set up a second step: a stolen password alone must not be enough to bind a stranger's phone.

Root may for anybody. Users may for themselves with the password proved just now, and one of: an invite code of the
administrator, a listed source, the console.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nas2fa.errors import Reason, RequestError
from nas2fa.factors import recovery
from nas2fa.network import Network, literal
from nas2fa.store.records import Credential, Instant

TOKEN_SECONDS: Final = 120
TOKENS_MAX: Final = 256
TOKENS_PER_UID: Final = 4  # so that nobody takes all places of the others
CONSOLE: Final = "console"

NO_PROOF_TEXT: Final = (
    "Your password was right. To set up two-step verification from here you also need an invite code from the "
    "administrator (nas2fa user invite NAME), or do it at the console of this box."
)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody whose password was right just now. source: `console`, an address, or `unknown`."""

    uid: int
    user: str
    source: str
    until: float  # CLOCK_BOOTTIME


class Tokens:
    """Sign-ins waiting to be used, in memory only."""

    def __init__(self) -> None:
        self._waiting: dict[str, SignedIn] = {}

    def issue(self, uid: int, user: str, source: str, now: Instant) -> str:
        """A token of 256 bits for one set-up of this uid; of its earlier ones only the latest few stay good."""
        self._waiting = {t: s for t, s in self._waiting.items() if s.until > now.boot}
        own = [t for t, s in self._waiting.items() if s.uid == uid]
        for surplus in own[: max(0, len(own) - TOKENS_PER_UID + 1)]:
            del self._waiting[surplus]
        if len(self._waiting) >= TOKENS_MAX:
            raise RequestError(Reason.BUSY, "Too many sign-ins at once. Try again in two minutes.")
        token = secrets.token_urlsafe(32)
        self._waiting[token] = SignedIn(uid, user, source, now.boot + TOKEN_SECONDS)
        return token

    def look(self, token: str, uid: int, now: Instant) -> SignedIn:
        """The sign-in behind a token, if it is this uid's and not over. RequestError(EXPIRED)."""
        signed_in = self._waiting.get(token)
        if signed_in is None or signed_in.uid != uid or signed_in.until <= now.boot:
            raise RequestError(Reason.EXPIRED, "That sign-in is over. Start again.")
        return signed_in

    def use(self, token: str) -> None:
        """The token is spent."""
        self._waiting.pop(token, None)


def check_proof(credential: Credential, source: str, invite: str, enroll_from: Sequence[Network], now: Instant) -> None:
    """RequestError(NO_PROOF) unless invite, source or console speaks for this person."""
    if source == CONSOLE or recovery.invited(credential.invite, invite, now.wall):
        return
    if any(address_in(source, network) for network in enroll_from):
        return
    text = "That invite code is not right, or its time is over." if invite else NO_PROOF_TEXT
    raise RequestError(Reason.NO_PROOF, text)


def address_in(source: str, network: Network) -> bool:
    """True when source is a literal address inside the network; never for loopback, whatever the network says."""
    address = literal(source)
    if address is None or address.is_loopback:
        return False
    return address.version == network.version and address in network
