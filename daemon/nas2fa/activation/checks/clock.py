"""Checks of the clock: codes are made of the time. In a container it is the host's."""

from __future__ import annotations

from collections.abc import Iterator

from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.system import HOSTS_CLOCK

CLOCK = "clock"  # where all of these are found
SYNC_SERVICES = ("systemd-timesyncd", "chrony", "chronyd", "ntpsec", "ntp", "ntpd", "openntpd")
_WHY = "Codes are made of the time: when box and phone are a minute apart, no code is right."


def clock_is_right(look: Examination) -> Iterator[Finding]:
    """What time servers and the box's own records say."""
    found = look.clock
    if found.get("state") == "behind":
        why = "Who has logged in since is refused with the reason CLOCK; recovery codes work."
        yield Finding("clock-behind", Severity.ERROR, CLOCK, found["head"], why, _fix(look, "nas2fa rescue-clock"))
    elif found.get("state") == "drifting":
        severity = Severity.ERROR if found["refusal"] else Severity.WARNING
        yield Finding("clock-off", severity, CLOCK, found["head"], _WHY, _fix(look, "nas2fa clock"))


def servers_agree(look: Examination) -> Iterator[Finding]:
    """Whoever lies about the time, and whether anybody tells it."""
    standings = [server["standing"] for server in look.clock.get("servers", ())]
    odd = any(standing in ("lying", "undecided") for standing in standings)
    if odd or (standings and "believed" not in standings):
        yield Finding(
            "clock-servers",
            Severity.WARNING if odd else Severity.NOTE,
            CLOCK,
            " ".join(look.clock["lines"]),
            "Whoever sets a clock by a server that lies has a wrong one; a drift that no server tells is not noticed.",
            "nas2fa clock shows each; name at least three that you trust: ntp_servers, and those of the time service.",
        )


def clock_is_kept_right(look: Examination) -> Iterator[Finding]:
    """The kernel's word, and whether anything sets the clock."""
    severity = Severity.NOTE if look.contained else Severity.WARNING
    if look.health.get("clock", {}).get("synchronised") is False:
        yield Finding(
            "clock-not-synchronised",
            severity,
            CLOCK,
            "The kernel does not call the clock synchronised.",
            _WHY,
            HOSTS_CLOCK
            if look.contained
            else "Look at: timedatectl timesync-status, or chronyc tracking. Is the network up?",
        )
    active = look.system.run(["systemctl", "is-active", *SYNC_SERVICES]).out.split()
    if active and not look.contained and "active" not in active:
        yield Finding(
            "no-time-service",
            Severity.WARNING,
            CLOCK,
            f"No time service runs (looked for: {', '.join(SYNC_SERVICES)}).",
            _WHY,
            "apt-get install systemd-timesyncd && timedatectl set-ntp true",
        )


def _fix(look: Examination, command: str) -> str:
    return HOSTS_CLOCK if look.contained else "; ".join([*look.clock["remedy"], command])


CHECKS = (clock_is_right, servers_agree, clock_is_kept_right)
