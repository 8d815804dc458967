"""The bash completion and the man page know the same commands and options as the command."""

from __future__ import annotations

import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from nas2fa.cli.main import nas2fa

ROOM = Path(__file__).parents[2]
COMPLETION = ROOM / "packaging" / "completion" / "nas2fa.bash"
MAN = ROOM / "docs" / "man" / "nas2fa.1"


def complete(*words: str) -> list[str]:
    """What a Tab behind these words offers."""
    script = (
        '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _nas2fa; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    arguments = ["bash", "--norc", "-c", script, str(COMPLETION), "nas2fa", *words]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    return [line for line in ran.stdout.splitlines() if line]


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that can be called, by its words."""
    context = click.Context(nas2fa)
    for name in nas2fa.list_commands(context):
        command = nas2fa.get_command(context, name)
        if isinstance(command, click.Group):
            yield from (((name, inner), command.commands[inner]) for inner in command.commands)
        elif command is not None:
            yield (name,), command


def options(command: click.Command) -> set[str]:
    all_of_them = [option for option in command.params if isinstance(option, click.Option)]
    found = {word for option in all_of_them for word in (*option.opts, *option.secondary_opts)}
    return {word for word in found if word.startswith("--")} | {"--help"}


COMMANDS = dict(commands())


def test_commands_are_completed() -> None:
    assert sorted(complete("")) == sorted({words[0] for words in COMMANDS})
    for group in {words[0] for words in COMMANDS if len(words) == 2}:
        assert sorted(complete(group, "")) == sorted(words[1] for words in COMMANDS if words[0] == group)
    assert complete("--root", "/x", "user", "unl") == ["unlock"]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_options_are_completed(words) -> None:
    assert set(complete(*words, "-")) == options(COMMANDS[words])


def test_own_options_are_completed() -> None:
    assert set(complete("-")) == options(nas2fa)


def test_user_names_are_completed() -> None:
    names = {entry.pw_name for entry in pwd.getpwall()}
    for words in (["user", "show"], ["status"], ["setup", "--user"], ["repair"]):
        assert "root" in complete(*words, "ro")
        assert set(complete(*words, "")) <= names
    assert complete("explain", "ro") == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_man_page_names_command_and_options(words) -> None:
    page = MAN.read_text("utf-8")
    entries = [part for part in page.split("\n.It Cm ")[1:] if part.startswith(" ".join(words))]
    assert entries
    text = "\n".join(entries)
    assert {option for option in options(COMMANDS[words]) if f"Fl {option[1:]}" not in text} <= {"--help"}
