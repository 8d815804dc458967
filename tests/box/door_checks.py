"""What holds for every door of a kind, whatever program it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from debianbox.knocking import EOF_KEY, INTERRUPT_KEY, Visit, at_once, knock, records
from debianbox.logins import PASSWORD
from debianbox.machine import Box
from debianbox.neighbours import Street
from doors import Door

Way: TypeAlias = Callable[[str, str, str], Visit]
"""How to try a door: with a name, a password and a code."""


def by_command(box: Box, door: Door) -> Way:
    """By the door's command line, on a terminal of the box."""

    def way(name: str, password: str, code: str) -> Visit:
        def filled(text: str) -> str:
            return text.replace("{user}", name)

        child = box.terminal(filled(door.command), user=filled(door.by))
        if door.opening:
            child.expect(door.opening[0])
            child.sendline(filled(door.opening[1]))
        return knock(child, filled(door.inside), password, code)

    return way


def logged(box: Box, door: Door, name: str) -> list[tuple[str, str]]:
    """Event and reason of each login of `name`, oldest first; each of them via this door, from its source."""
    found = records(box, name)
    assert {row[2:] for row in found} <= {(door.service, door.source.replace("{user}", name))}
    return [(event, reason) for event, reason, *_ in found]


def asks_password_and_code(street: Street, door: Door, way: Way) -> None:
    """Both, in this order; a code opens once, and neither a wrong one nor the password alone ever does."""
    person = street.resident()
    code = person.phone.code()
    first = way(person.name, PASSWORD, code)
    assert (first.entered, first.asked) == (True, ["password", "code"]), first.shown
    again, wrong, mistyped = at_once(
        partial(way, person.name, PASSWORD, code),
        partial(way, person.name, PASSWORD, person.phone.wrong()),
        partial(way, person.name, "not " + PASSWORD, code),
    )
    assert [again.entered, wrong.entered, mistyped.entered] == [False] * 3
    assert (again.asked[:2], wrong.asked[:2], mistyped.asked) == (
        ["password", "code"],
        ["password", "code"],
        ["password"],
    )
    seen = logged(street.box, door, person.name)
    assert seen[0] == ("ALLOWED", "OK")
    assert sorted(seen[1:]) == [("DENIED", "REUSED"), ("DENIED", "WRONG")]


def lets_strangers_in_by_password(street: Street, door: Door, way: Way) -> None:
    """Who has not set it up is asked for the password alone, and the journal says so."""
    name = street.stranger()
    visit = way(name, PASSWORD, "")
    assert (visit.entered, visit.asked) == (True, ["password"]), visit.shown
    assert logged(street.box, door, name) == [("PASSED", "NOT_ENROLLED")]


def stays_shut_to_who_leaves(street: Street, door: Door, way: Way) -> None:
    """Ctrl-C, end of file and an empty line at the code prompt."""
    people = [street.resident().name for _ in range(3)]
    keys = (INTERRUPT_KEY, EOF_KEY, "")
    visits = at_once(*(partial(way, name, PASSWORD, key) for name, key in zip(people, keys, strict=True)))
    assert [(visit.entered, visit.asked[:2]) for visit in visits] == [(False, ["password", "code"])] * 3
    for name in people:
        assert {event for event, _ in logged(street.box, door, name)} <= {"ABANDONED", "DENIED"}


def stays_shut_without_the_daemon(street: Street, door: Door, way: Way) -> Visit:
    """To everybody: the box cannot know who has set it up."""
    visit = way(street.stranger(), PASSWORD, "123456")
    assert (visit.entered, visit.asked) == (False, ["password"]), visit.shown
    return visit
