"""A box whose clock is lost: two codes in a row of somebody who is set up tell the time. For root."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, Final

from nas2fa import texts
from nas2fa.enrolment.store import AccountStore, UseCase
from nas2fa.errors import Reason, RequestError
from nas2fa.factors import dating, totp
from nas2fa.factors.dating import Dated, Span, Typed
from nas2fa.login.judgement import burnt, with_used
from nas2fa.steps import Answer, Ask, OffLoop, Reply, Show, Step, Tell
from nas2fa.store.records import Authenticator, Credential, Instant, UserState

SET: Final = "set"  # the client's word that it has set the clock; a time service may have done so meanwhile
TRIES: Final = 3  # for the form of a code
PIECE: Final = 3 * 3600  # seconds of time that are looked through in one go, a thousandth of a second's work
SHOWN: Final = 64  # pieces from one word on where the search is to the next
JUMP: Final = 1.0  # seconds by which the clock must have left its course to count as set

FIRST_PROMPT: Final = "Type the code that the app of {user} shows now: "
NEXT_PROMPT: Final = "Wait until it shows the next one, and type that: "
SAME: Final = "That is the same code: wait until the app shows another one."
NO_CODE: Final = "A code from the app is {digits} digits."
NOT_FOUND: Final = (
    "No time was found at which these two codes follow each other. Were they typed right, and are they of this user? "
    "If so, the time is too far from anything this box knows: set it by hand (date --set), then log in."
)

# Called with the time that the box would have now, and the one that it has: unix seconds.
Changed = Callable[[float, float], None]


def rescue(store: AccountStore, uid: int, user: str, now: Instant, changed: Changed) -> UseCase:
    """Ask two codes, search, show what was found; the client sets the clock and answers the last question.

    `now` is when it began, and `changed` is called when the clock was set meanwhile. Wrong codes are not counted: who
    may ask this can read the secrets and set the clock.
    """
    credential = store.load(uid, user)
    own, credential = credential, replace(credential, authenticators=credential.apps)
    if not credential.armed:
        raise RequestError(
            Reason.NOT_ENROLLED, f"{user} has no authenticator app, so no code of theirs tells the time."
        )
    first = yield from _typed(credential, Ask(FIRST_PROMPT.format(user=user), name="code"), "")
    second = yield from _typed(credential, Ask(NEXT_PROMPT, name="next"), first.code)
    spans = dating.spans(now.wall, _proven(credential, store.state(uid)))
    dated = yield from _search(credential.authenticators, first, second, spans)
    store.put(uid, _burnt(store.state(uid), dated))
    yield Show("clock_found", _shown(dated, second, store.state(uid), now))
    answer = yield Ask("", echo=True, name="set")
    old, new = now.wall + (answer.now.boot - now.boot), answer.now.wall
    if answer.text != SET or abs(new - old) <= JUMP:
        return {"set": False}
    store.put(uid, _used(store.state(uid), own, dated))
    changed(old, new)
    return {"set": True}


def _typed(credential: Credential, question: Ask, before: str) -> Generator[Step, Reply, Typed]:
    """A text that could be a code of this user, and is not the one before it."""
    digits = sorted({authenticator.digits for authenticator in credential.authenticators})
    for _ in range(TRIES):
        answer = yield question
        assert isinstance(answer, Answer)
        if answer.text is None:
            raise RequestError(Reason.ABORTED, texts.NOTHING_CHANGED)
        code = answer.text.replace(" ", "")
        if not (code.isascii() and code.isdigit() and len(code) in digits):
            yield Tell(NO_CODE.format(digits=" or ".join(map(str, digits))), error=True)
        elif code == before:
            yield Tell(SAME, error=True)
        else:
            return Typed(code, answer.now.boot)
    raise RequestError(Reason.REFUSED, texts.NOTHING_CHANGED)


def _search(
    authenticators: tuple[Authenticator, ...], first: Typed, second: Typed, spans: list[Span]
) -> Generator[Step, Reply, Dated]:
    """In the writer's thread, but so little at once that neither the loop nor what is to be written waits for it.

    (A longer piece of computing hands the interpreter over after 5 ms, and a login takes it back some twenty times.)
    """
    for span in spans:
        for number, piece in enumerate(dating.pieces(span, PIECE)):
            if number % SHOWN == 0:
                yield Show("clock_search", {"begin": piece.begin, "end": piece.end})
            dated: Dated | None = yield OffLoop(_looking(authenticators, first, second, piece))
            if dated is not None:
                return dated
    raise RequestError(Reason.REFUSED, NOT_FOUND)


def _looking(
    authenticators: tuple[Authenticator, ...], first: Typed, second: Typed, piece: Span
) -> Callable[[], Dated | None]:
    return lambda: dating.look(authenticators, first, second, piece)


def _proven(credential: Credential, state: UserState) -> int:
    """The newest time that this user's own records show, unix seconds."""
    phones = credential.authenticators
    used = [state.used.get(phone.secret.fingerprint(), 0) * phone.period for phone in phones]
    return max(*used, *(phone.created for phone in phones), state.last_ok, credential.enrolled)


def _burnt(state: UserState, dated: Dated) -> UserState:
    """Neither code will be accepted when the box comes to their time.

    They are not the last used ones yet: where the clock is not set, since the phone is the one that is wrong, its user
    would be refused until then.
    """
    name = dated.authenticator.secret.fingerprint()
    return replace(state, spent=state.spent | {burnt(name, step) for step in dated.steps})


def _used(state: UserState, credential: Credential, dated: Dated) -> UserState:
    """Every code up to these is used. What was accepted under a clock that ran ahead stays so."""
    last = dated.steps[-1]
    return with_used(state, credential, dated.authenticator, last) if last > _last(state, dated) else state


def _last(state: UserState, dated: Dated) -> int:
    return state.used.get(dated.authenticator.secret.fingerprint(), 0)


def _shown(dated: Dated, second: Typed, state: UserState, now: Instant) -> dict[str, Any]:
    """What the client proposes; times are unix seconds at the arrival of the second code."""
    last, period = _last(state, dated), dated.authenticator.period
    ahead = last > dated.steps[-1] + totp.WINDOW
    return {
        "boot": second.boot,
        "found": dated.wall,
        "box": now.wall + (second.boot - now.boot),
        "doubt": dated.doubt,
        "refused_until": (last - totp.WINDOW) * period if ahead else 0,
    }
