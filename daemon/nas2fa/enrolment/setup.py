"""Setting up: clock, key, first good code, recovery codes. Before the first good code nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from nas2fa import texts
from nas2fa.enrolment import several
from nas2fa.enrolment.store import AccountStore, UseCase
from nas2fa.errors import Reason, RequestError, StoreError
from nas2fa.factors import hotp, provisioning, recovery, totp
from nas2fa.login.judgement import with_used
from nas2fa.steps import Answer, Ask, OffLoop, Reply, Show, Step, Tell
from nas2fa.store.records import Authenticator, Credential, Instant, UserState

FIRST_CODE_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a new key should be, and the names the app will show."""

    algorithm: str
    digits: int
    period: int
    label: str
    issuer: str


def set_up(
    store: AccountStore,
    uid: int,
    user: str,
    new: NewKey,
    clock: Mapping[str, Any],
    now: Instant,
    saved: Callable[[], None],
    *,
    replacing: bool = False,
    beside: bool = False,
) -> UseCase:
    """The wizard. Who may call it was decided before (enrolment/proof.py); `saved` is called once it is kept.

    replacing: in place of all that is armed, which counts until the first good code of the new one. beside: in
    addition to it; the recovery codes stay.
    """
    credential, removals = store.load(uid, user), store.removals(uid)
    if credential.armed and not (replacing or beside):
        raise RequestError(Reason.ALREADY_ENROLLED, texts.ALREADY_SET_UP)
    if beside:
        several.check_room(credential, credential.pending)
    yield Show("clock", clock)
    answer = yield Ask(texts.START_PROMPT, echo=True, name="start")
    _go_on(answer)
    authenticator = credential.pending
    if authenticator is None:
        label = several.free_label(credential, new.label) if beside else new.label
        authenticator = provisioning.new_authenticator(new.algorithm, new.digits, new.period, label, now.wall)
        store.mark_born(authenticator.secret.fingerprint())
        yield Show("secret", _shown_key(authenticator, user, new.issuer))
    shown = credential.pending is None
    if authenticator.counter is None:
        state = yield from _first_code(store, credential, authenticator, shown)
    else:
        authenticator, state = yield from _first_of_token(store, credential, authenticator)
    if beside:
        return (yield from _add(store, credential, removals, authenticator, state, saved))
    return (yield from _arm(store, credential, removals, authenticator, state, saved))


def _shown_key(authenticator: Authenticator, account: str, issuer: str) -> dict[str, Any]:
    return {
        "uri": provisioning.uri_of(authenticator, account, issuer),
        "key": provisioning.key_of(authenticator),
        "issuer": issuer,
        "account": account,
        "digits": authenticator.digits,
        "period": authenticator.period,
        "algorithm": authenticator.algorithm,
    }


def _first_code(
    store: AccountStore, credential: Credential, authenticator: Authenticator, shown: bool
) -> Generator[Step, Reply, UserState]:
    """Ask until a code is right; returns the state in which its step is used up.

    How far off a code was is told only when the key was `shown`: of an imported one it would help a guesser.
    """
    for left in reversed(range(FIRST_CODE_TRIES)):
        answer = yield Ask(texts.FIRST_CODE_PROMPT.format(digits=authenticator.digits), name="code")
        text = _go_on(answer).replace(" ", "")
        fits = text.isascii() and text.isdigit() and len(text) == authenticator.digits
        match = totp.find(authenticator, text, answer.now) if fits else None
        state = store.state(credential.uid)
        if match is not None and abs(match.offset) <= totp.WINDOW:
            last = state.used.get(authenticator.secret.fingerprint(), 0)
            if match.step > max(last, store.floor(credential.uid, authenticator, state, answer.now)):
                state = replace(state, last_ok=int(answer.now.wall))
                return with_used(state, credential, authenticator, match.step, wall=answer.now.wall)
            yield Tell(texts.refusal(Reason.REUSED, ""), error=True)
        elif left:
            seconds = match.offset * authenticator.period if shown and match is not None else None
            yield Tell(texts.first_code_missed(seconds), error=True)
    raise RequestError(Reason.REFUSED, texts.FIRST_CODE_GIVEN_UP)


def _first_of_token(
    store: AccountStore, credential: Credential, authenticator: Authenticator
) -> Generator[Step, Reply, tuple[Authenticator, UserState]]:
    """Ask until a code is right, or follows the one before it: then the token was further on than was known.

    Returns the authenticator from behind that code on, so that the record alone says that it is used, and the state.
    """
    before = -1
    for left in reversed(range(FIRST_CODE_TRIES)):
        answer = yield Ask(texts.FIRST_CODE_PROMPT.format(digits=authenticator.digits), name="code")
        text = _go_on(answer).replace(" ", "")
        state = store.state(credential.uid)
        fits = text.isascii() and text.isdigit() and len(text) == authenticator.digits
        last = hotp.last_used(authenticator, state)
        counter = hotp.find(authenticator, text, last) if fits else None
        if counter is not None and counter > last and (counter - last <= hotp.FIRST_AHEAD or counter == before + 1):
            state = replace(state, last_ok=int(answer.now.wall))
            state = with_used(state, credential, authenticator, counter, wall=answer.now.wall)
            return replace(authenticator, counter=counter + 1), state
        before = counter if counter is not None and counter > last else -1
        if left:
            yield Tell(texts.FIRST_COUNTER_MISSED, error=True)
    raise RequestError(Reason.REFUSED, texts.FIRST_CODE_GIVEN_UP)


def _arm(
    store: AccountStore,
    credential: Credential,
    removals: int,
    authenticator: Authenticator,
    state: UserState,
    saved: Callable[[], None],
) -> UseCase:
    codes, shown = recovery.new_set()
    armed = replace(
        credential,
        authenticators=(authenticator,),
        pending=None,
        recovery=codes,
        invite=None,
        enrolled=credential.enrolled or authenticator.created,
    )
    # First the used step, then the record: in between, no login could pass with the code just typed.
    store.put(armed.uid, state)
    yield OffLoop(lambda: _save_unchanged(store, credential, removals, armed))
    store.put(armed.uid, without_older_sets(store.state(armed.uid), credential, armed))
    saved()
    yield Tell(texts.VERIFIED)
    yield Show("recovery_codes", {"codes": list(shown)})
    yield Ask(texts.SAVED_PROMPT, echo=True, name="saved")
    return {"armed": True}


def _add(
    store: AccountStore,
    credential: Credential,
    removals: int,
    authenticator: Authenticator,
    state: UserState,
    saved: Callable[[], None],
) -> UseCase:
    added = several.with_another(credential, authenticator)
    store.put(added.uid, state)  # first, as in _arm
    yield OffLoop(lambda: _save_unchanged(store, credential, removals, added))
    saved()
    yield Tell(texts.VERIFIED)
    return {"label": added.authenticators[-1].called, "authenticators": len(added.authenticators)}


def _save_unchanged(store: AccountStore, read: Credential, removals: int, armed: Credential) -> None:
    """Save, unless the user was reset or the record is another than the wizard began with."""
    if store.load(read.uid, read.user) != read or store.removals(read.uid) != removals:
        raise StoreError(Reason.STALE, f"{read.uid}.json: changed since it was read")
    store.save(armed)


def without_older_sets(state: UserState, old: Credential, new: Credential) -> UserState:
    """The state without the marks of recovery codes that not even the backup of the record holds any more."""
    kept = {c.recovery.set_id for c in (old, new) if c.recovery is not None}
    spent = {mark for mark in state.spent if ":" not in mark or mark.partition(":")[0] in kept}
    return replace(state, spent=frozenset(spent))


def new_recovery_codes(store: AccountStore, uid: int, user: str | None, saved: Callable[[], None]) -> UseCase:
    """A new set in place of the old one. A fresh code was asked before; `saved` is called once it is kept."""
    credential = store.load(uid, user)
    if not credential.armed:
        raise RequestError(Reason.NOT_ENROLLED, "Two-step verification is not set up.")
    codes, shown = recovery.new_set()
    renewed = replace(credential, recovery=codes)
    yield OffLoop(lambda: store.save(renewed))
    store.put(uid, without_older_sets(store.state(uid), credential, renewed))
    saved()
    yield Show("recovery_codes", {"codes": list(shown)})
    yield Ask(texts.SAVED_PROMPT, echo=True, name="saved")
    return {}


def disable(store: AccountStore, uid: int) -> UseCase:
    """Remove the second step. A fresh code was asked before. What the day's guesses have paid stays paid."""
    yield OffLoop(lambda: store.remove(uid))
    return {}


def _go_on(answer: Answer) -> str:
    """The text of an answer; whoever cancels has changed nothing."""
    if answer.text is None:
        raise RequestError(Reason.ABORTED, texts.NOTHING_CHANGED)
    return answer.text
