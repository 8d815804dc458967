"""With the decoy on, who knocks by ssh cannot tell a wrong password from a wrong code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import mean

import pexpect
import pytest
from debianbox.knocking import at_once
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT, Person
from debianbox.machine import Box
from debianbox.neighbours import Street, door_layers
from doors import HERE, SSH

PEOPLE, ROUNDS = 8, 3


@pytest.fixture
def decoy_street(suite: str) -> Iterator[Street]:
    with Box(door_layers(suite, "--decoy")) as box:
        yield Street(box)


def refused(box: Box, person: Person, password: str) -> tuple[float, str]:
    """A wrong code after `password`: how long the answer took in seconds, and all that was shown."""
    child = box.terminal(f"ssh {SSH} {person.name}@{HERE} id -un")
    child.expect(PASSWORD_PROMPT)
    shown = str(child.before)
    child.sendline(password)
    child.expect(CODE_PROMPT)
    shown += str(child.before)
    began = time.monotonic()
    child.sendline(person.phone.wrong())
    child.expect(pexpect.EOF)
    return time.monotonic() - began, shown + str(child.before)


def test_a_wrong_password_looks_like_a_wrong_code(decoy_street: Street) -> None:
    """The same prompts and words, and the same time on average: libpam adds up to a quarter at random."""
    box, people = decoy_street.box, [decoy_street.resident() for _ in range(PEOPLE)]
    times: dict[str, list[float]] = {PASSWORD: [], f"not {PASSWORD}": []}
    for _ in range(ROUNDS):
        tries = [(person, password) for person in people for password in times]
        seen = at_once(*(lambda p=person, w=password: refused(box, p, w) for person, password in tries))
        for (person, password), (seconds, shown) in zip(tries, seen, strict=True):
            times[password].append(seconds)
            assert shown.replace(person.name, "NAME") == seen[0][1].replace(people[0].name, "NAME")
    right, wrong = (mean(seconds) for seconds in times.values())
    assert wrong == pytest.approx(right, rel=0.1)


def test_the_menu_of_methods_does_not_tell_a_right_password(decoy_street: Street) -> None:
    box, person, seen = decoy_street.box, decoy_street.resident(), []
    for password in (PASSWORD, f"not {PASSWORD}"):
        child = box.terminal(f"ssh {SSH} {person.name}@{HERE} id -un")
        for prompt, reply in ((PASSWORD_PROMPT, password), (CODE_PROMPT, "?"), (CODE_PROMPT, person.phone.wrong())):
            child.expect(prompt)
            child.sendline(reply)
        child.expect(pexpect.EOF)
        seen.append(str(child.before))
    assert seen[0] == seen[1]


def test_the_right_ones_still_open(decoy_street: Street) -> None:
    person = decoy_street.resident()
    child = decoy_street.box.terminal(f"ssh {SSH} {person.name}@{HERE} id -un")
    for prompt, reply in ((PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, person.phone.code())):
        child.expect(prompt)
        child.sendline(reply)
    child.expect(person.name)
