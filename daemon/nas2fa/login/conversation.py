"""The login conversation: a generator from the hello to the verdict.

It is pumped by the server and called directly by tests and fuzzers. Time comes in with each answer; the world behind
it is the small interface `World`. At every answer record, policy, locks and clock are looked at again, and judged and
marked in one step with nothing in between.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

from nas2fa import texts
from nas2fa.errors import ProtocolError, Reason, StoreError
from nas2fa.factors import recovery
from nas2fa.login.admission import admission, loaded, remember
from nas2fa.login.attempt import Attempt, Flow, Verdict, World
from nas2fa.login.clocks import described, off_line
from nas2fa.login.judgement import Outcome, codes_per_try, judge
from nas2fa.login.lockout import Lock, count_failure, count_refused, standing
from nas2fa.login.methods import blank, menu, wants_menu
from nas2fa.login.policy import Action, Decision
from nas2fa.login.sharing import is_sharing, opened_by_login, share
from nas2fa.login.source import Source, source_of
from nas2fa.rules import Rule
from nas2fa.steps import Answer, Ask, Cut, Durable, Reply, Step, Tell
from nas2fa.store.records import EMPTY_STATE, Credential, UserState

# Services whose own options can replace the prompt's text (sudo -p, passprompt_override): a line before it says what
# is asked.
PROMPT_REPLACING_SERVICES = frozenset({"sudo", "sudo-i"})


def converse(attempt: Attempt, world: World) -> Flow:
    """The conversation that answers this hello. Never raises for what a peer or a disk did: that is a verdict."""
    rules = world.rules()
    attempt.source = source_of(attempt.hello, attempt.peer_is_root, rules.console)
    attempt.note(f"source: {attempt.source.key} (budget: {attempt.source.purse})")
    try:
        verdict = yield from _PHASES[attempt.hello.phase](attempt, world)
    except (StoreError, ProtocolError) as error:
        attempt.note(f"not known: {error.text}")
        verdict = yield from _refuse(attempt, "unavailable", error.reason)
    attempt.note(f"verdict: {verdict.word} ({verdict.reason})")
    return verdict


def _auth(attempt: Attempt, world: World) -> Flow:
    decision = yield from admission(attempt, world)
    if decision.action is not Action.CODE:
        return (yield from _unasked(attempt, decision, "pass"))
    credential = loaded(attempt, world)
    lock = _lock(attempt, world, credential)
    if lock is not None:
        attempt.note(f"locked: {lock.reason}, {lock.seconds:.0f} s left")
        world.update(credential.uid, attempt.hello.user, _refused(attempt.source))
        return (yield from _refuse(attempt, "locked", lock.reason, lock.seconds))
    answer = yield from _ask(attempt, world, credential)
    verdict = yield from _answered(attempt, world, credential, answer, decision.rule)
    if verdict.word == "allow":
        yield from remember(attempt, world, decision.rule, answer.now.boot)
    return verdict


def _unasked(attempt: Attempt, decision: Decision, word: str) -> Flow:
    """The end where policy asks no code; `word` when it skips."""
    attempt.exemption = decision.exemption
    if decision.action is Action.SKIP:
        return Verdict(word, decision.reason)
    return (yield from _refuse(attempt, "deny", decision.reason))


def _answered(attempt: Attempt, world: World, asked: Credential, answer: Answer, rule: Rule) -> Flow:
    missing = _no_answer(answer)
    if missing is Reason.ABORTED:  # nobody is there to be told
        return Verdict("deny", missing)
    if missing is not None:
        return (yield from _refuse(attempt, "deny", missing))
    try:
        outcome = world.update(asked.uid, attempt.hello.user, _judging(attempt, world, asked, answer, rule))
    except Exception:
        # Whatever broke, an answer was given: it counts as a wrong one, so that breaking things buys no free guess.
        codes = codes_per_try(asked)
        state = count_failure(world.state(asked.uid), attempt.source, answer.now.boot, codes, world.rules().limits)
        world.put(asked.uid, state)
        raise
    attempt.outcome = outcome
    attempt.note(described(outcome))
    box = world.heard(attempt, asked.uid, outcome, answer.now)
    if outcome.reason is not Reason.OK:
        return (yield from _refuse_outcome(attempt, outcome))
    if outcome.durable and not (yield Durable(asked.uid)):
        return (yield from _refuse(attempt, "unavailable", Reason.WRITE_FAILED))
    if outcome.durable:
        world.update(asked.uid, attempt.hello.user, lambda c, s: (opened_by_login(attempt, world, rule, c, s), None))
    line = off_line(outcome, box) if outcome.left is None else texts.recovery_left(outcome.left)
    if line:
        yield Tell(line, error=True)  # as those of `_ask`
    return Verdict("allow", Reason.OK)


def _judging(
    attempt: Attempt, world: World, asked: Credential, answer: Answer, rule: Rule
) -> Callable[[Credential, UserState], tuple[UserState, Outcome]]:
    """Judge the answer by what holds now, in one step that nothing comes between."""
    limits, text = world.rules().limits, str(answer.text)

    def step(credential: Credential, state: UserState) -> tuple[UserState, Outcome]:
        if (credential.authenticators, credential.recovery) != (asked.authenticators, asked.recovery):
            return state, Outcome(Reason.CHANGED)
        fault = world.recovery_fault(asked.uid) if _on_disk(credential, text) else None
        told = credential if fault is None else replace(credential, authenticators=credential.apps)
        if fault is not None and (not told.armed or recovery.plain(text)):
            return state, Outcome(fault, unavailable=True)
        state, outcome = judge(told, state, text, attempt.source, answer.now, world.floor, limits)
        if outcome.reason is Reason.OK and not outcome.durable:
            state = opened_by_login(attempt, world, rule, credential, state)
        return state, outcome

    return step


def _on_disk(credential: Credential, text: str) -> bool:
    """Whether it takes the disk's word to tell that what was typed was not used before."""
    return bool(credential.tokens or (credential.recovery and recovery.plain(text)))


def _guard(attempt: Attempt, world: World) -> Flow:
    """Account phase of a guarded line: a handle that passed no code is refused if policy wants one (a key alone)."""
    if attempt.hello.verified or not attempt.peer_is_root:  # a peer that is not root could as well not ask
        return Verdict("ignore", Reason.OK)
    decision = yield from admission(attempt, world)
    if decision.action is not Action.CODE:
        return (yield from _unasked(attempt, decision, "ignore"))
    return (yield from _refuse(attempt, "deny", Reason.NOT_VERIFIED))


def _account(attempt: Attempt, world: World) -> Flow:
    if is_sharing(attempt.hello, attempt.peer_is_root):
        return (yield from share(attempt, world))
    return Verdict("ignore", Reason.OK)


def _split(attempt: Attempt, world: World) -> Flow:
    """Before the password of a one-field program: how many characters of it are the code."""
    decision = yield from admission(attempt, world, trusting=False)  # who is trusted may type a code all the same
    digits = split_digits(loaded(attempt, world)) if decision.action is Action.CODE else None
    if digits is not None:
        attempt.note(f"split: the last {digits} characters are the code")
        yield Cut(digits)
    return Verdict("pass", Reason.OK)


def _decoy(attempt: Attempt, world: World) -> Flow:
    """After a wrong password: ask and refuse as a real login would, in its words; verify nothing, count nothing."""
    lock = None
    if attempt.hello.uid is not None:
        decision = yield from admission(attempt, world)
        if decision.action is Action.DENY:
            yield from _refuse(attempt, "deny", decision.reason)
        if decision.action is not Action.CODE:
            return Verdict("deny", Reason.DECOY)
        lock = _lock(attempt, world, loaded(attempt, world))
    if lock is not None:
        yield from _refuse(attempt, "deny", lock.reason, lock.seconds)
    else:
        answer = yield from _ask(attempt, world, None)
        reason = _no_answer(answer) or (Reason.EMPTY if blank(str(answer.text)) else Reason.WRONG)
        if reason is not Reason.ABORTED:
            yield from _refuse(attempt, "deny", reason)
    return Verdict("deny", Reason.DECOY)


_PHASES: dict[str, Callable[[Attempt, World], Flow]] = {
    "auth": _auth,
    "account": _account,
    "guard": _guard,
    "split": _split,
    "decoy": _decoy,
}


def split_digits(credential: Credential) -> int | None:
    """How many characters a combined password field ends with, when all authenticators agree on it."""
    digits = {a.digits for a in credential.authenticators}
    return digits.pop() if len(digits) == 1 else None


def _ask(attempt: Attempt, world: World, credential: Credential | None) -> Generator[Step, Reply, Answer]:
    """The answer at the code prompt, menus aside. None: of this user nothing may be told."""
    hello = attempt.hello
    left = world.trial(hello.uid, attempt.began.boot) if hello.uid is not None else 0.0
    # As error texts: without a terminal sudo writes the others to its output, where a script reads the command's.
    if left > 0:
        yield Tell(texts.on_trial(left), error=True)
    if hello.service in PROMPT_REPLACING_SERVICES:
        yield Tell(texts.CODE_HINT, error=True)
    shown = 0
    while True:
        answer = yield Ask(texts.CODE_PROMPT)
        assert isinstance(answer, Answer)
        if answer.text is None or not wants_menu(answer.text, shown):
            return answer
        shown += 1
        attempt.note("answer: the menu, please")
        yield Tell(_menu(attempt, world, credential), error=True)


def _menu(attempt: Attempt, world: World, credential: Credential | None) -> str:
    """What this user can type, told to who is that user already. A login may come here with a wrong password."""
    if credential is None or (attempt.login and attempt.peer_is_root):
        return menu(None, EMPTY_STATE)
    return menu(credential, world.state(credential.uid))


def _no_answer(answer: Answer) -> Reason | None:
    """Why there is nothing to compare, if so."""
    if answer.repeated_password:
        return Reason.PASSWORD_REPEATED
    if answer.timed_out:
        return Reason.TIMEOUT
    return Reason.ABORTED if answer.text is None else None


def _lock(attempt: Attempt, world: World, credential: Credential) -> Lock | None:
    return standing(world.state(credential.uid), attempt.source, attempt.began.boot, codes_per_try(credential))


def _refused(source: Source) -> Callable[[Credential, UserState], tuple[UserState, Outcome]]:
    """A try that ends at the lock, before any answer: counted all the same."""
    return lambda _, state: (count_refused(state, source), Outcome(Reason.LOCKED))


def _refuse_outcome(attempt: Attempt, outcome: Outcome) -> Flow:
    """The refusal of a judged answer; a wrong one that was one too many says that it locked."""
    lock = outcome.lock
    if outcome.unavailable:
        return (yield from _refuse(attempt, "unavailable", outcome.reason))
    if outcome.wait:
        yield Tell(texts.used_ahead(outcome.wait), error=True)
        return Verdict("deny", outcome.reason)
    if lock is None:
        return (yield from _refuse(attempt, "deny", outcome.reason))
    if outcome.reason is not lock.reason:
        yield Tell(texts.refusal(outcome.reason, attempt.id), error=True)
    verdict = yield from _refuse(attempt, "locked", lock.reason, lock.seconds)
    return Verdict(verdict.word, outcome.reason)


def _refuse(attempt: Attempt, word: str, reason: Reason, seconds: float = 0.0) -> Flow:
    text = texts.locked(seconds) if reason is Reason.LOCKED else texts.refusal(reason, attempt.id)
    yield Tell(text, error=True)
    return Verdict(word, reason)
