"""Several authenticators of one user: how many, what they are called, and how one goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from nas2fa.enrolment.store import AccountStore, UseCase
from nas2fa.errors import Reason, RequestError
from nas2fa.login.judgement import codes_per_try
from nas2fa.login.lockout import BUDGET
from nas2fa.steps import OffLoop
from nas2fa.store.records import AUTHENTICATORS_MAX, LABEL_MAX, UNNAMED, Authenticator, Credential

FULL: Final = "That would be more authenticators than one user may have. Remove one first: nas2fa authenticator remove"
THERE: Final = "That authenticator is there already."
NONE_SUCH: Final = "There is no authenticator of that name: nas2fa authenticator list"
LAST_ONE: Final = "It is the last one. To switch two-step verification off: nas2fa disable"


def check_room(credential: Credential, another: Authenticator | None) -> None:
    """RequestError when this user cannot have one more; None: one that is made now.

    Not more than AUTHENTICATORS_MAX, nor so many that the smallest purse could not pay for a try at all of them.
    """
    if not credential.armed:
        raise RequestError(Reason.NOT_ENROLLED, "Two-step verification is not set up.")
    another = another or Authenticator(credential.authenticators[0].secret)
    more = replace(credential, authenticators=(*credential.authenticators, another))
    if len(more.authenticators) > AUTHENTICATORS_MAX or codes_per_try(more) > min(BUDGET.values()):
        raise RequestError(Reason.REFUSED, FULL)


def free_label(credential: Credential, wanted: str) -> str:
    """`wanted`, with a number behind it when an authenticator of this user is called so, whatever the case."""
    taken = {each.called.casefold() for each in credential.authenticators}
    base = wanted.strip() or UNNAMED[0]
    numbered = (f"{base[: LABEL_MAX - 3]} {number}" for number in range(2, len(taken) + 3))
    return next(label for label in (base[:LABEL_MAX], *numbered) if label.casefold() not in taken)


def with_another(credential: Credential, another: Authenticator) -> Credential:
    """The credential with one more. RequestError when there is no room, or its secret is there."""
    if any(each.secret == another.secret for each in credential.authenticators):
        raise RequestError(Reason.ALREADY_ENROLLED, THERE)
    check_room(credential, another)
    named = replace(another, label=free_label(credential, another.called))
    return replace(credential, authenticators=(*credential.authenticators, named), pending=None)


def without(credential: Credential, label: str) -> Credential:
    """The credential without the authenticator of that name. RequestError when there is none, or no other."""
    kept = tuple(each for each in credential.authenticators if each.called != label)
    if len(kept) == len(credential.authenticators):
        raise RequestError(Reason.BAD_REQUEST, NONE_SUCH)
    if not kept:
        raise RequestError(Reason.REFUSED, LAST_ONE)
    return replace(credential, authenticators=kept)


def remove(store: AccountStore, uid: int, user: str, label: str, saved: Callable[[], None]) -> UseCase:
    """Take one away. A fresh code was asked before; its used codes stay used."""
    left = without(store.load(uid, user), label)
    yield OffLoop(lambda: store.save(left))
    saved()
    return {"authenticators": len(left.authenticators)}
