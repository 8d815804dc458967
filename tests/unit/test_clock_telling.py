"""The verdict on the clock in words: what a person reads, and the commands that put it right."""

from __future__ import annotations

from itertools import product

import pytest
from nas2fa.clock import telling
from nas2fa.clock.verdict import judge
from nas2fa.clock.words import Fault, Network, Reading, TimeService
from nas2fa.store.newest import LATEST

NOW = 1_795_500_000.0
HOUR = 3600.0
AN_HOUR_ON = "2026-11-24 07:00:00+00:00"
NOT_SYNCHRONISED = "does not call it synchronised."


def server(n: int, offset: float = 0.0, fault: Fault = Fault.NONE) -> Reading:
    return Reading(f"ntp{n}", f"10.0.0.{n}", fault, offset, 0.01, 2)


def told(*readings: Reading, kernel: bool | None = None, newest: float = 0.0, whose: str = "ntp") -> list[str]:
    network = Network(readings) if readings else None
    verdict = judge(kernel, network, newest, NOW, whose)
    return [telling.head(verdict, whose, kernel, newest), *telling.lines(verdict, network)]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (told(server(1), server(2, 0.02)), ["The clock is right: 2 time servers agree with it, to 0.010 s."]),
        (told(server(1, 20), server(2, 20)), ["The clock is 20 s behind, say 2 time servers that agree."]),
        (told(server(1, -9e3), server(2, -9e3)), ["The clock is 2 h ahead, say 2 time servers that agree."]),
        (told(kernel=True), ["The kernel calls the clock synchronised."]),
        (told(whose="trust"), ['The administrator answers for the clock (clock = "trust").']),
        (told(whose="kernel"), ["Whether the clock is right is not known: the kernel does not say."]),
        (
            told(kernel=False),
            [
                "Whether the clock is right is not known: no time servers that agree have answered, and the kernel "
                + NOT_SYNCHRONISED
            ],
        ),
        (
            told(newest=NOW + HOUR),
            [f"The clock is behind: this box has records of {AN_HOUR_ON}, 60 min later than its time now."],
        ),
        (
            told(server(1), server(2), server(3, 40)),
            [
                "The clock is right: 2 time servers agree with it, to 0.000 s.",
                "ntp3 (10.0.0.3) says that the clock is 40 s behind: not believed, as the others agree without it.",
            ],
        ),
    ],
)
def test_the_verdict_in_words(lines: list[str], words: list[str]) -> None:
    assert lines == words


def test_one_server_alone_is_told_and_more_are_asked_for() -> None:
    lines = told(server(1, 40.0), server(2, fault=Fault.SILENT), kernel=True)
    assert lines[0] == "The kernel calls the clock synchronised."
    assert "Only ntp1 (10.0.0.1) answered; it says that the clock is 40 s behind." in lines[1]
    assert "ntp_servers" in lines[1]
    assert lines[2] == "Of no use: ntp2 (10.0.0.2) (no answer)."


def test_servers_that_differ_are_told_with_what_each_says() -> None:
    assert told(server(1, 0.0), server(2, -40.0))[1] == (
        "The time servers do not agree, so none is believed: ntp1 (10.0.0.1) +0.0 s, ntp2 (10.0.0.2) -40.0 s."
    )


def test_every_fault_has_words() -> None:
    for fault in set(Fault) - {Fault.NONE}:
        assert told(server(1, fault=fault))[1].startswith("Of no use: ntp1 (10.0.0.1) (")


TIMESYNCD, CHRONY, NTPSEC = "systemd-timesyncd", "chrony", "ntpsec"
ENABLE = "systemctl unmask {0}; systemctl enable --now {0}"


@pytest.mark.parametrize(
    ("offset", "services", "commands"),
    [
        (0.0, [(CHRONY, True, True)], ()),
        (0.0, [], ("apt-get install systemd-timesyncd", "timedatectl set-ntp true")),
        (0.0, [(TIMESYNCD, False, False)], ("timedatectl set-ntp true",)),
        (0.0, [(CHRONY, False, False)], (ENABLE.format(CHRONY),)),
        (0.0, [(TIMESYNCD, False, False), (NTPSEC, True, False)], (ENABLE.format(NTPSEC),)),
        (20.0, [(CHRONY, True, True)], ("chronyc makestep",)),
        (20.0, [(TIMESYNCD, True, True)], ("systemctl restart systemd-timesyncd",)),
        (20.0, [(TIMESYNCD, True, False), (NTPSEC, True, True)], ("systemctl restart ntpsec",)),
        (20.0, [], ("apt-get install systemd-timesyncd", "timedatectl set-ntp true")),
        (20.0, None, ("timedatectl set-ntp true",)),
        (0.0, None, ()),
    ],
)
def test_the_commands_that_put_it_right(offset, services, commands) -> None:
    installed = None if services is None else [TimeService(*service) for service in services]
    verdict = judge(True, Network((server(1, offset), server(2, offset))), 0.0, NOW, "ntp")
    assert telling.remedy(verdict, installed, True) == commands


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.1, "2.1 s"), (23.4, "23 s"), (119, "119 s"), (260, "4 min"), (9000, "2 h"), (366 * 86_400.0, "366 days")],
)
def test_a_length_of_time(seconds: float, text: str) -> None:
    assert telling.span(seconds) == text


def test_a_refusal_tells_how_far_off_is_too_far() -> None:
    verdict = judge(True, Network((server(1, 20), server(2, 20))), 0.0, NOW, "ntp")
    assert telling.refusal(verdict, 15) == (
        "The clock of this box is 20 s behind, more than the 15 s that are allowed (clock_limit): "
        "the codes of a phone would not fit."
    )


def test_a_set_up_is_refused_beyond_the_limit_and_warned_of_where_nobody_knows() -> None:
    def gate(*readings: Reading, kernel: bool | None = True, newest: float = 0.0) -> tuple[bool, bool]:
        verdict = judge(kernel, Network(readings), newest, NOW, "ntp")
        return bool(telling.refusal(verdict, 15)), telling.doubt(verdict)

    assert gate(server(1), server(2)) == (False, False)
    assert gate(server(1, 14.9), server(2, 14.9)) == (False, False)
    for offset in (15.1, -15.1):
        assert gate(server(1, offset), server(2, offset))[0]
    assert gate(newest=NOW + HOUR)[0]
    assert gate() == (False, False)
    assert gate(kernel=None) == (False, True)
    assert gate(kernel=False) == (False, True)
    assert gate(server(1, 1e6)) == (False, True)  # alone: told, not believed
    assert gate(server(1), server(2, 1e6)) == (False, True)


@pytest.mark.parametrize("kernel", [True, False, None])
@pytest.mark.parametrize("whose", ["ntp", "kernel", "trust"])
def test_there_is_a_sentence_for_whatever_comes(kernel, whose) -> None:
    answers = [(), (0.0,), (5.0, 5.0), (1e10, 1e10, -1e10), (0.0, 9.0)]
    for offsets, newest in product(answers, [0.0, NOW + HOUR, LATEST]):
        readings = [server(n, offset) for n, offset in enumerate(offsets)]
        lines = told(*readings, kernel=kernel, newest=newest, whose=whose)
        assert all((line.endswith(".") and line[0].isupper()) or line.startswith("ntp") for line in lines)
