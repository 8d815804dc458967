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


@st.composite
def files(draw: st.DrawFn) -> dict[str, str]:
    """A service and two files that it may take in, in all three ways; FOLDER stands for where they are."""

    def module() -> str:
        control, result = draw(modules)
        return f"auth {control} pam_debug.so auth={result}"

    def text(others: list[str]) -> str:
        includes = [f"{way} FOLDER/{name}" for name in others for way in ("@include", "auth include", "auth substack")]
        lines = []
        for _ in range(draw(st.integers(1, 5))):
            take_in = includes and draw(st.integers(0, 3)) == 0
            lines.append(draw(st.sampled_from(includes)) if take_in else module())
        return "\n".join(lines) + "\n"

    return {"three": text([]), "two": text(["three"]), "one": text(["two", "three"]), "other": "auth required x.so\n"}


def asked_of_libpam(folder: Path) -> tuple[str, list[str]]:
    """The result, and what the modules said: pam_debug tells the conversation what it returns."""
    command = [str(PRODUCTION.driver), str(folder), "one", "root", "auth"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    (code,) = [int(text) for kind, text in lines if kind == "auth"]
    return walk.RESULTS[code], [text.removeprefix("auth=") for kind, text in lines if kind == "info"]


@settings(max_examples=1000, deadline=None)
@given(files())
def test_the_walk_is_that_of_libpam(texts: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for service, text in texts.items():
            (folder / service).write_text(text.replace("FOLDER", name))
        lines = stacks.flatten(System(), f"{name}/one", "auth")
        (way,) = walk.ways(lines, lambda line: [(line.arguments[0].removeprefix("auth="), "")])
        assert (way.result, [step.result for step in way.steps]) == asked_of_libpam(folder)


def test_the_numbers_are_those_of_libpam() -> None:
    for code in Pam:
        assert walk.RESULTS[code] == code.name.lower()
