"""Checks of single lines of the PAM stacks: that what looks like ours calls our module, and that it asks nas2fad."""

from __future__ import annotations

from collections.abc import Iterator

from nas2fa.activation import stacks
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.stacks import DAEMON, MODULE, Line


def our_lines_reach_nas2fad(look: Examination) -> Iterator[Finding]:
    """Lines that another module answers, or another daemon. While it is off, too: they would be in the way."""
    seen: dict[Line, list[str]] = {}
    for service in stacks.services(look.system):
        for kind in ("auth", "account"):
            for line in stacks.flatten(look.system, service, kind):
                if line.borrowed or (line.ours and _asked_elsewhere(line)):
                    seen.setdefault(line, []).append(service)
    for line, services in seen.items():
        yield (_borrowed if line.borrowed else _elsewhere)(line, ", ".join(dict.fromkeys(services)))


def _asked_elsewhere(line: Line) -> bool:
    return any(word.startswith("socket=") and word != DAEMON for word in line.arguments)


def _borrowed(line: Line, services: str) -> Finding:
    return Finding(
        "module-not-ours",
        Severity.ERROR,
        f"{line.where}: {line}",
        f"This line calls {line.module}, which is not the {MODULE} of the package. It is part of: {services}.",
        "What that file answers decides who gets in, and it sees every password; it was not taken for our line.",
        f"Write `{MODULE}` without a folder. If nobody of you wrote this line, see who did: ls -l {line.module}",
    )


def _elsewhere(line: Line, services: str) -> Finding:
    return Finding(
        "socket-not-ours",
        Severity.ERROR,
        f"{line.where}: {line}",
        f"This line does not ask the nas2fad of this box (socket=). It is part of: {services}.",
        "Whatever listens there decides who gets in; when nothing does, nobody gets in.",
        "Take `socket=` out of the line: it is for trying a private nas2fad in a service of its own.",
    )


CHECKS = (our_lines_reach_nas2fad,)
