"""Checks of nas2fad and its units, its configuration, and the module."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from nas2fa.activation import stacks
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.stacks import MODULE

_REFUSED = (Severity.ERROR, "Every login that asks for a code is refused without it.")
UNITS = {
    "nas2fad.service": _REFUSED,
    "nas2fad-login.socket": _REFUSED,
    "nas2fad-user.socket": _REFUSED,
    "nas2fad-control.socket": _REFUSED,
    "nas2fa-signin.socket": _REFUSED,
    "nas2fa-smb.socket": (
        Severity.WARNING,
        "Without it no open session of a file share is ended, nor seen: a grant in use ends as if it were idle.",
    ),
    "nas2fa-courier.socket": (
        Severity.WARNING,
        "Without it no time server is asked: a clock that goes wrong is noticed when codes are refused.",
    ),
    "nas2fa-check.timer": (Severity.WARNING, "Without it nas2fa looks after nothing here."),
}


def units_are_up(look: Examination) -> Iterator[Finding]:
    """Each of our units is active now and at the next boot."""
    if look.system.run(["systemctl", "is-system-running"]).out.strip() in ("", "offline", "unknown"):
        return  # no systemd here: nas2fad binds its sockets itself
    shown = look.system.run(["systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", *UNITS]).out
    for block in shown.strip().split("\n\n"):
        unit = dict(line.partition("=")[::2] for line in block.splitlines())
        if trouble := _trouble(unit):
            name, word = trouble
            severity, why = UNITS[unit["Id"]]
            yield Finding(
                name,
                severity,
                unit["Id"],
                f"{unit['Id']} is {word}.",
                why,
                f"systemctl unmask {unit['Id']}; systemctl enable --now {unit['Id']}",
            )


def _trouble(unit: dict[str, str]) -> tuple[str, str] | None:
    if unit["LoadState"] == "masked" or unit["UnitFileState"].startswith("masked"):
        return "unit-masked", "masked"
    if unit["LoadState"] == "not-found":
        return "unit-missing", "not installed"
    if unit["ActiveState"] not in ("active", "activating", "reloading"):
        return "unit-inactive", f"not active ({unit['ActiveState']})"
    if unit["UnitFileState"] not in ("enabled", "static"):
        return "unit-disabled", f"not started at boot ({unit['UnitFileState']})"
    return None


def daemon_answers(look: Examination) -> Iterator[Finding]:
    """The gate of every login."""
    if look.ask is None:
        yield Finding(
            "daemon-unreachable",
            Severity.ERROR,
            "nas2fad.service",
            "nas2fad does not answer at /run/nas2fa/control.sock.",
            "Every login that asks for a code is refused. What only nas2fad knows was not checked.",
            "systemctl status nas2fad; systemctl restart nas2fad",
        )


def daemon_is_well(look: Examination) -> Iterator[Finding]:
    """Its configuration and its store."""
    health = look.health
    if health.get("config", "ok") != "ok":
        yield Finding(
            "config-refused",
            Severity.WARNING,
            "/etc/nas2fa/nas2fa.toml",
            f"nas2fad refused the configuration: {health['config']}",
            "The last good one stays in force, so what was changed since does not hold.",
            "Correct the line that it names, then: systemctl reload nas2fad",
        )
    if health.get("store", "ok") != "ok":
        yield Finding(
            "store-at-fault",
            Severity.ERROR,
            "/var/lib/nas2fa",
            f"The records cannot be used: {health['store']}.",
            "Every user with a second step is refused.",
            "nas2fa repair tells what to do.",
        )
    if health.get("exemptions", "ok") != "ok":
        yield Finding(
            "exemptions-at-fault",
            Severity.WARNING,
            "/var/lib/nas2fa/exemptions.json",
            f"The exemptions cannot be read: {health['exemptions']}",
            "None is in force: who was exempt is asked for a code, and a program cannot answer.",
            "Put the file back from a backup; or delete it, and make the exemptions again: nas2fa exempt add",
        )


def module_is_in_place(look: Examination) -> Iterator[Finding]:
    """The module beside Debian's own, for each architecture that has PAM, and nobody's but root's."""
    folders = [path.parent for path in look.system.path("/usr/lib").glob("*/security/pam_permit.so")]
    found = [folder for folder in folders if (folder / MODULE).exists()]
    for folder in folders:
        path = folder / MODULE
        where = "/" + str(path.relative_to(look.system.path("/")))
        if folder in found:
            state = path.stat()
            if state.st_uid or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                yield Finding(
                    "module-not-roots",
                    Severity.ERROR,
                    where,
                    f"{where} can be changed by others than root (uid {state.st_uid}, {stat.filemode(state.st_mode)}).",
                    "Whoever changes it gets every password, and in as anybody.",
                    "apt-get install --reinstall libpam-nas2fa",
                )
        else:
            arch = folder.parent.name
            yield Finding(
                "module-other-architecture" if found else "module-missing",
                Severity.WARNING if found else Severity.ERROR if _named(look) else Severity.WARNING,
                where,
                f"{where} does not exist.",
                f"Programs of {arch} cannot ask for a code; a stack that names the module refuses everybody in them."
                if found
                else "A stack that names the module refuses everybody.",
                "apt-get install libpam-nas2fa:ARCHITECTURE for each that `dpkg --print-foreign-architectures` lists"
                if found
                else "apt-get install --reinstall libpam-nas2fa",
            )


def _named(look: Examination) -> bool:
    """Whether any stack names our module."""
    return any(
        line.ours for service in stacks.services(look.system) for line in stacks.flatten(look.system, service, "auth")
    )


CHECKS = (units_are_up, daemon_answers, daemon_is_well, module_is_in_place)
