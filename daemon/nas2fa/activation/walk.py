"""Every way through a PAM stack, walked as libpam does, with each result that a module may give.

Pure. tests/integration/test_walk.py compares it with the real libpam, on random stacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from nas2fa.activation.stacks import Line, plain

# Libpam's names of the return codes, in the order of their numbers (security/_pam_types.h).
RESULTS = (
    "success", "open_err", "symbol_err", "service_err", "system_err", "buf_err",
    "perm_denied", "auth_err", "cred_insufficient", "authinfo_unavail", "user_unknown", "maxtries",
    "new_authtok_reqd", "acct_expired", "session_err", "cred_unavail", "cred_expired", "cred_err",
    "no_module_data", "conv_err", "authtok_err", "authtok_recover_err", "authtok_lock_busy", "authtok_disable_aging",
    "try_again", "ignore", "abort", "authtok_expired", "module_unknown", "bad_item",
    "conv_again", "incomplete",
)  # fmt: skip
FAILS = "perm_denied"  # what libpam makes of a line that it cannot read
_FORMS = MappingProxyType({"broken": FAILS, "absent": "module_unknown"})  # of lines at which no module is called
_WORDS = MappingProxyType(
    {
        "required": "success=ok new_authtok_reqd=ok ignore=ignore default=bad",
        "requisite": "success=ok new_authtok_reqd=ok ignore=ignore default=die",
        "optional": "success=ok new_authtok_reqd=ok default=ignore",
        "sufficient": "success=done new_authtok_reqd=done default=ignore",
    }
)
_SPACE = " \t\n\v\f\r"
_NAMES = "|".join((*RESULTS, "default"))
_PAIR = re.compile(rf"({_NAMES}) *= *(ignore|ok|done|bad|die|reset|[0-9]+) *".replace(" ", f"[{_SPACE}]"))
_JUMP_MAX = (1 << 31) - 1  # lines; libpam counts in an int


@dataclass(frozen=True, slots=True)
class Step:
    """One module that was called on a way, and what it returned."""

    line: Line
    result: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way through a stack: what it ends with, what was noted on it, and the calls of the first such way."""

    result: str
    notes: frozenset[str]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class _State:
    """Where libpam stands. `impression`: None nothing yet, True good, False bad. `saved`: at the start of substacks."""

    at: int = 0
    impression: bool | None = None
    status: str = FAILS
    saved: tuple[tuple[bool | None, str], ...] = ((None, FAILS),)
    depth: int = 0  # of the line before
    notes: frozenset[str] = frozenset()


Outcome = tuple[str, str]  # a result, and what to note on ways on which it is given ("" nothing)


def ways(lines: Sequence[Line], outcomes: Callable[[Line], Iterable[Outcome]]) -> Iterator[Way]:
    """Every distinct end of the stack: result and notes, the shortest way first.

    `outcomes` says what a module may return. Lines that libpam cannot read fail.
    """
    seen: set[_State] = set()
    ended: set[tuple[str, frozenset[str]]] = set()
    front: list[tuple[_State, tuple[Step, ...]]] = [(_State(), ())]
    while front:
        coming: list[tuple[_State, tuple[Step, ...]]] = []
        for state, steps in front:
            if state in seen:
                continue
            seen.add(state)
            if state.at >= len(lines):
                if (end := (_final(state), state.notes)) not in ended:
                    ended.add(end)
                    yield Way(*end, steps)
                continue
            coming += _calls(lines, state, steps, outcomes)
        front = coming


def _calls(
    lines: Sequence[Line], state: _State, steps: tuple[Step, ...], outcomes: Callable[[Line], Iterable[Outcome]]
) -> Iterator[tuple[_State, tuple[Step, ...]]]:
    """What follows when libpam comes to the line at `state.at`."""
    line = lines[state.at]
    state = _entered(state, line.depth)
    if line.form == "substack":
        yield replace(state, at=state.at + 1), steps
        return
    for result, note in [(_FORMS[line.form], "")] if line.form in _FORMS else outcomes(line):
        noted = replace(state, notes=state.notes | {note}) if note else state
        yield _decided(lines, noted, actions(line.control)[result], result), (*steps, Step(line, result))


def _entered(state: _State, depth: int) -> _State:
    """At a substack, libpam remembers what it thought before."""
    if state.depth < depth:
        state = replace(state, saved=(*state.saved[:depth], (state.impression, state.status)))
    return replace(state, depth=depth)


def _decided(lines: Sequence[Line], state: _State, action: str, result: str) -> _State:
    """The state after a module returned `result` and the line's control says `action` to that."""
    depth, after = state.depth, state.at + 1
    match action:
        case "ok" | "done":
            if state.impression is None or (state.impression and state.status == "success"):
                state = replace(state, impression=True, status=result)
            ends = action == "done" and state.impression is True
            return replace(state, at=_end(lines, after, depth) if ends else after)
        case "bad" | "die":
            if state.impression is not False:
                state = replace(state, impression=False, status=FAILS if result == "ignore" else result)
            return replace(state, at=_end(lines, after, depth) if action == "die" else after)
        case "reset":
            impression, status = state.saved[depth]
            return replace(state, at=after, impression=impression, status=status)
        case "ignore":
            return replace(state, at=after)
    at, left = _jumped(lines, after, depth, int(action))
    if left:  # further than the stack goes: libpam calls that a bad jump and fails
        state = replace(state, impression=False, status=FAILS)
    return replace(state, at=at)


def _end(lines: Sequence[Line], at: int, depth: int) -> int:
    """The first line behind the (sub)stack that `at` is in."""
    while at < len(lines) and lines[at].depth >= depth:
        at += 1
    return at


def _jumped(lines: Sequence[Line], at: int, depth: int, count: int) -> tuple[int, int]:
    """Where a jump over `count` lines ends, a substack being one; and how many there were too few."""
    while count and at < len(lines) and lines[at].depth >= depth:
        at = _end(lines, at + 1, depth + 1)
        count -= 1
    return at, count


def _final(state: _State) -> str:
    return FAILS if state.status == "success" and state.impression is not True else state.status


@cache
def actions(control: str) -> Mapping[str, str]:
    """Result -> ignore, ok, done, bad, die, reset or the number of lines to jump over, for each result.

    All are bad where libpam cannot read one word of the control. `default` is for those that stand before it not.
    """
    text = _WORDS.get(plain(control).lower(), plain(control)).lstrip(_SPACE)
    found: dict[str, str] = {}
    while text:
        match = _PAIR.match(text)
        if match is None or (match[2].isdecimal() and not 0 < int(match[2]) <= _JUMP_MAX):
            return dict.fromkeys(RESULTS, "bad")
        for result in RESULTS if match[1] == "default" else ():
            found.setdefault(result, match[2])
        if match[1] != "default":
            found[match[1]] = match[2]
        text = text[match.end() :]
    return {result: found.get(result, "bad") for result in RESULTS}
