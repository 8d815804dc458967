"""The walk over a PAM stack ends as the real libpam does, and calls the same modules, on random stacks."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nas2fa.activation import stacks, walk
from nas2fa.activation.system import System
from pam_client import PRODUCTION, Pam

pytestmark = pytest.mark.usefixtures("pam_programs")

RESULTS = ["success", "auth_err", "ignore", "new_authtok_reqd", "user_unknown", "perm_denied"]
ACTIONS = ["ignore", "ok", "done", "bad", "die", "reset", "1", "2", "3"]
controls = st.one_of(
    st.sampled_from(["required", "requisite", "sufficient", "optional", "Required"]),
    st.dictionaries(st.sampled_from([*RESULTS, "default"]), st.sampled_from(ACTIONS), min_size=1, max_size=4).map(
        lambda pairs: f"[{' '.join(f'{result}={action}' for result, action in pairs.items())}]"
    ),
)
modules = st.tuples(controls, st.sampled_from(RESULTS))

# What an editor, a copy from Windows or a slip makes of a line: everywhere between words, or of one word.
GAPS = [" ", "\t", " \t ", "\\\n", " \\ \n\t", "\\\t\n", "\r", "\v", " \f"]
ENDS = [" ", "\t", " # why \\", "#why", " \\ # why", "\n", "\n \t\n# why\n", "\n\r", " \\", " \\ \t"]
ODD_CONTROLS = [
    "[required]", "[Sufficient]", "[success=ok", "success=ok", "[]", "bogus", "[success=DONE default=ignore]",
    "[success=0]", "[success=01 default=bad]", "[success=okdefault=ignore]", "[success = done\rdefault=ignore]",
    "[default=ignore success=done]", "[default=bad default=ok]", "[successful=ok]", "[success=okay]", "[success]",
    "[success=2147483647]", "[success=ok\\]", "[success=ok x]", "[default=done]auth",
]  # fmt: skip


ODD_KINDS = ["-auth", "AUTH", "[auth]", "bogus", "-", "account", "@", "[", "[]"]
ODD_INCLUDES = [
    "-@INCLUDE FOLDER/three", "bogus [include] FOLDER/three", "auth include FOLDER/no", "auth Substack FOLDER/no",
    "account include FOLDER/no",
]  # fmt: skip
rarely = st.integers(0, 4).map(lambda number: number == 0)
never = st.just(False)


@st.composite
def lines(draw: st.DrawFn, odd: st.SearchStrategy[bool]) -> str:
    """A line that calls a module; `odd`: at each place, whether it is as it should not be."""
    control, result = draw(modules)
    words = ["auth", control, "pam_debug.so", f"auth={result}"]
    for at, slips in enumerate((ODD_KINDS, ODD_CONTROLS)):
        if draw(odd):
            words[at] = draw(st.sampled_from(slips))
    if draw(odd):
        words = words[: draw(st.integers(1, 3))]
    gaps = [draw(st.sampled_from(GAPS)) if draw(odd) else " " for _ in words[1:]]
    return "".join(word + gap for word, gap in zip(words, [*gaps, ""], strict=True))


@st.composite
def texts_of(draw: st.DrawFn, others: list[str], odd: st.SearchStrategy[bool]) -> str:
    """A file that may take in others, in all three ways; FOLDER stands for where they are."""
    includes = [f"{way} FOLDER/{name}" for name in others for way in ("@include", "auth include", "auth substack")]
    found = []
    for _ in range(draw(st.integers(1, 5))):
        if not others or draw(st.integers(0, 3)):
            found.append(draw(lines(odd)))
        else:
            found.append(draw(st.sampled_from(ODD_INCLUDES if draw(odd) else includes)))
        found[-1] += draw(st.sampled_from(ENDS)) if draw(odd) else ""
    return "\n".join(found) + "\n"


@st.composite
def files(draw: st.DrawFn, odd: st.SearchStrategy[bool] = never) -> dict[str, str]:
    """A service and two files that it may take in."""
    one, two, three = (draw(texts_of(others, odd)) for others in (["two", "three"], ["three"], []))
    # What libpam does with an @include that fails inside of an include is left to chance: none fails there.
    if three.rstrip().endswith("\\"):
        three += "auth required pam_debug.so\n"
    if draw(odd):
        one += "@include FOLDER/no\n"
    return {"one": one, "two": two, "three": three, "other": "auth required x.so\n"}


def asked_of_libpam(folder: Path) -> tuple[str, list[str]]:
    """The result, and what the modules said: pam_debug tells the conversation what it returns."""
    command = [str(PRODUCTION.driver), str(folder), "one", "root", "auth"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 2 and "pam_start: failed" in done.stdout:
        return walk.FAILS, []  # it gave up the file: pam_start fails
    assert done.returncode == 0, done
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    (code,) = [int(text) for kind, text in lines if kind == "auth"]
    return walk.RESULTS[code], [text.removeprefix("auth=") for kind, text in lines if kind == "info"]


def walked(folder: Path) -> tuple[str, list[str]]:
    """The same by our own reading."""
    (way,) = walk.ways(stacks.flatten(System(), f"{folder}/one", "auth"), lambda line: [(result_of(line), "")])
    called = [step.line for step in way.steps if step.line.module == "pam_debug.so" and step.line.form == "module"]
    return way.result, [text for line in called for text in told(line)]


def result_of(line: stacks.Line) -> str:
    """What pam_debug returns, success if it is not told; and libpam for a module that does not exist."""
    return next(iter(told(line)), "success") if line.module == "pam_debug.so" else "module_unknown"


def told(line: stacks.Line) -> list[str]:
    """The results that pam_debug is told to return; it says the first."""
    return [text.removeprefix("auth=") for text in line.arguments if text.startswith("auth=")][:1]


def written(texts: dict[str, str], name: str) -> Path:
    for service, text in texts.items():
        (Path(name) / service).write_bytes(text.replace("FOLDER", name).encode())
    return Path(name)


@settings(max_examples=1000, deadline=None)
@given(files())
def test_the_walk_is_that_of_libpam(texts: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = written(texts, name)
        assert walked(folder) == asked_of_libpam(folder)


@settings(max_examples=2000, deadline=None)
@given(files(rarely))
def test_lines_that_are_not_as_they_should_be_are_read_as_libpam_reads_them(texts: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = written(texts, name)
        assert walked(folder) == asked_of_libpam(folder)


def test_the_numbers_are_those_of_libpam() -> None:
    for code in Pam:
        assert walk.RESULTS[code] == code.name.lower()
