"""The verdict on the clock in words, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from nas2fa.clock.verdict import DRIFT, Standing, State, Verdict
from nas2fa.clock.words import Fault, Network, Reading, TimeService

_FAULTS: Final = {
    Fault.NOT_FOUND: "its name has no address",
    Fault.SILENT: "no answer",
    Fault.REFUSED: "refused",
    Fault.UNSYNCHRONISED: "its own clock is not right, it says",
    Fault.BROKEN: "no answer that makes sense",
}


def head(verdict: Verdict, whose: str, synchronised: bool | None, newest: float) -> str:
    """The verdict in one sentence; `newest` is the moment of the box's newest record, unix seconds."""
    match verdict.state:
        case State.BEHIND:
            when = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=newest)).isoformat(" ", "seconds")
            back = f"The clock is behind: this box has records of {when}, {span(verdict.ahead)} later than its time"
            return f"{back} now.{_and_servers(verdict)}"
        case State.DRIFTING:
            return f"The clock is {_off(verdict.seconds)}, say {_believed(verdict)} time servers that agree."
        case State.TRUSTED if verdict.seconds is not None:
            count = _believed(verdict)
            return f"The clock is right: {count} time servers agree with it, to {abs(verdict.seconds):.3f} s."
        case State.TRUSTED if synchronised:
            return "The kernel calls the clock synchronised."
        case State.TRUSTED:
            return 'The administrator answers for the clock (clock = "trust").'
    asked = "no time servers that agree have answered, and the kernel" if whose == "ntp" else "the kernel"
    said = "does not call it synchronised" if synchronised is False else "does not say"
    return f"Whether the clock is right is not known: {asked} {said}."


def lines(verdict: Verdict, network: Network | None) -> Iterator[str]:
    """What else is to be known of the servers, one sentence each."""
    if network is None:
        return
    readings = list(zip(network.readings, verdict.standings, strict=False))
    for reading, standing in readings:
        if standing is Standing.LYING:
            said = f"{name(reading)} says that the clock is {_off(reading.offset)}"
            yield f"{said}: not believed, as the others agree without it."
        elif standing is Standing.ALONE:
            yield (
                f"Only {name(reading)} answered; it says that the clock is {_off(reading.offset)}. One server alone is "
                "not believed: name two more (ntp_servers)."
            )
    if any(standing is Standing.UNDECIDED for _, standing in readings):
        said = ", ".join(f"{name(r)} {r.offset:+.1f} s" for r, s in readings if s is Standing.UNDECIDED)
        yield f"The time servers do not agree, so none is believed: {said}."
    mute = [f"{name(r)} ({_FAULTS[r.fault]})" for r, s in readings if s is Standing.USELESS]
    if mute:
        yield f"Of no use: {', '.join(mute)}."


def remedy(verdict: Verdict, services: Sequence[TimeService] | None, synchronised: bool | None) -> tuple[str, ...]:
    """The commands that put the clock right and keep it so, to be typed by root; none when there is nothing to do.

    services: those that are installed; None when that is not known.
    """
    if services is None:
        wanted = verdict.state is not State.TRUSTED or synchronised is False
        return ("timedatectl set-ntp true",) if wanted else ()
    running = [service.name for service in services if service.running]
    if running:
        if verdict.state not in (State.DRIFTING, State.BEHIND):
            return ()
        # Either makes the service set the clock at once, however far off it is.
        return ("chronyc makestep",) if running[0] == "chrony" else (f"systemctl restart {running[0]}",)
    waiting = [service.name for service in services if service.enabled] or [service.name for service in services]
    if not waiting:
        return ("apt-get install systemd-timesyncd", "timedatectl set-ntp true")
    if waiting[0] == "systemd-timesyncd":
        return ("timedatectl set-ntp true",)
    return (f"systemctl unmask {waiting[0]}; systemctl enable --now {waiting[0]}",)


def refusal(verdict: Verdict, limit: int) -> str:
    """Why nothing may be set up now; empty when it may."""
    if not verdict.too_far(limit):
        return ""
    if verdict.state is State.BEHIND:
        return "The clock of this box is behind its own records, so no code of a phone would fit."
    return (
        f"The clock of this box is {_off(verdict.seconds)}, more than the {limit} s that are allowed (clock_limit): "
        "the codes of a phone would not fit."
    )


def doubt(verdict: Verdict) -> bool:
    """Whether to warn before something is set up: nobody who is believed says that the clock is right."""
    odd = Standing.ALONE in verdict.standings or Standing.UNDECIDED in verdict.standings
    return verdict.state is State.UNKNOWN or odd


def name(reading: Reading) -> str:
    """A server as a person knows it."""
    at = reading.address
    return f"{reading.server} ({at})" if at and at != reading.server else reading.server


def span(seconds: float) -> str:
    """A length of time that a person can picture: 2.1 s, 23 s, 4 min, 3 h, 366 days."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def _off(seconds: float | None) -> str:
    assert seconds is not None
    if abs(seconds) <= DRIFT:
        return f"right, to {abs(seconds):.1f} s"
    return f"{span(abs(seconds))} {'behind' if seconds > 0 else 'ahead'}"


def _believed(verdict: Verdict) -> int:
    return verdict.standings.count(Standing.BELIEVED)


def _and_servers(verdict: Verdict) -> str:
    if verdict.seconds is None:
        return ""
    return f" {_believed(verdict)} time servers agree that it is {_off(verdict.seconds)}."
