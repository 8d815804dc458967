"""Checks of other programs of a NAS that let people in: ProFTPD, dovecot, sudo, and the NAS's own system."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nas2fa.activation import preflight, stacks
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.places import CONFIG
from nas2fa.activation.rules import rules

PROFTPD = "/etc/proftpd/proftpd.conf"
CUPSD = "/etc/cups/cupsd.conf"
_LISTEN = re.compile(r"\s*((?:SSL)?(?:Listen|Port))\s+(\S+)", re.IGNORECASE)
_LOOPBACK = re.compile(r"/|localhost(:|$)|127\.|\[::1\]")
# One word, as it is printed in lines: nothing in it may be broken.
_TRUST = (
    """printf '[[rule]]\\naction="code"\\nservice=["{service}"]\\nagain_after=28800\\n' """
    f">>{CONFIG} && systemctl reload nas2fad"
)
_AUTH_ORDER = re.compile(r"^\s*AuthOrder\s+(.*?)\s*$", re.IGNORECASE)
_AUTH_PAM_OFF = re.compile(r"^\s*AuthPAM\s+(?:off|no|false|0)\b", re.IGNORECASE)
_UNASKED = re.compile(r"[^#]*NOPASSWD|\s*Defaults\b[^#]*!\s*authenticate\b")
_AUTOLOGIN = re.compile(r"\s*ExecStart\s*=.*agetty.*\s(?:--autologin|-a)[\s=]")
_UNITS = ("/etc/systemd/system", "/run/systemd/system")


def proftpd_heeds_pam(look: Examination) -> Iterator[Finding]:
    """By default ProFTPD asks /etc/shadow itself when PAM has refused: the password alone is enough."""
    if look.system.read(PROFTPD) is None or not look.on:
        return
    orders = [(where, match[1].lower().split()) for where, match in _proftpd_lines(look, _AUTH_ORDER)]
    bad = [where for where, order in orders if order[:1] != ["mod_auth_pam.c*"] or len(order) < 2]
    off = [where for where, _ in _proftpd_lines(look, _AUTH_PAM_OFF)]
    if orders and not bad and not off:
        return
    yield Finding(
        "proftpd-overrules-pam",
        Severity.ERROR,
        (off or bad or [PROFTPD])[0],
        "ProFTPD does not ask PAM (AuthPAM off)."
        if off
        else "ProFTPD does not heed what PAM says: AuthOrder must begin with `mod_auth_pam.c*`, with the star.",
        "ProFTPD asks /etc/shadow itself, also when PAM has refused a wrong code: the password alone is enough.",
        f"In {PROFTPD}: `AuthPAM on` and `AuthOrder mod_auth_pam.c* mod_auth_unix.c`, then: systemctl reload proftpd",
    )


def _proftpd_lines(look: Examination, directive: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Each such line with its place: of the file itself, and of the folder that Debian's file includes."""
    folder = f"{PROFTPD.rpartition('/')[0]}/conf.d"
    for name in (PROFTPD, *(f"{folder}/{each}" for each in look.system.names(folder))):
        for number, line in enumerate((look.system.read(name) or "").splitlines(), 1):
            if match := directive.match(line):
                yield f"{name}:{number}", match


def repeated_logins_are_trusted(look: Examination) -> Iterator[Finding]:
    """Programs that log in again for each connection need a rule with again_after: a code is accepted once."""
    for service in ("dovecot", "cups"):
        lines = stacks.flatten(look.system, service, "auth") if stacks.file_of(look.system, service) else []
        fitting = [rule for rule in rules(look.system) if not rule.service or service in rule.service]
        skipped = any(rule.action == "skip" for rule in fitting)
        if not look.on or not any(line.ours for line in lines) or skipped:
            continue
        if service == "cups" and (where := _only_local(look)):
            yield _asked(
                where,
                "CUPS listens on this box alone: all come from its own addresses, which no rule trusts.",
                "Manage printers as root (lpadmin), or let it listen to the network: cupsctl --remote-admin",
            )
        elif not any(rule.again_after for rule in fitting):
            before = ". The first rule that fits decides, so move it before those that fit as well" if fitting else ""
            yield _asked(
                f"/etc/pam.d/{service}",
                f"Programs log in to {service} again and again, and no rule keeps a code good for a while.",
                _TRUST.format(service=service) + before,
            )


def _asked(where: str, what: str, fix: str) -> Finding:
    why = "A code is accepted once: the second connection of a mail program or a browser fails."
    return Finding("code-asked-each-time", Severity.NOTE, where, what, why, fix)


def _only_local(look: Examination) -> str | None:
    """Where CUPS is told to listen on a socket and loopback only, as Debian's file has it; None when it hears more."""
    found = [(number, match[1].lower(), match[2].lower()) for number, match in _listening(look)]
    if any(keyword.endswith("port") or not _LOOPBACK.match(place) for _, keyword, place in found):
        return None
    return f"{CUPSD}:{found[0][0]}" if found else None


def _listening(look: Examination) -> Iterator[tuple[int, re.Match[str]]]:
    for number, line in enumerate((look.system.read(CUPSD) or "").splitlines(), start=1):
        if match := _LISTEN.match(line):
            yield number, match


def sudo_asks(look: Examination) -> Iterator[Finding]:
    """NOPASSWD and `!authenticate` ask neither password nor code."""
    files = ["/etc/sudoers", *(f"/etc/sudoers.d/{name}" for name in look.system.names("/etc/sudoers.d"))]
    for file in files:
        for number, line in enumerate((look.system.read(file) or "").splitlines(), start=1):
            if _UNASKED.match(line):
                yield Finding(
                    "sudo-asks-nothing",
                    Severity.NOTE,
                    f"{file}:{number}",
                    f"sudo asks for nothing here: {line.strip()}",
                    "Who is logged in as one of these becomes root without password or code.",
                    f"If no program needs it: visudo -f {file}",
                )


def consoles_ask(look: Examination) -> Iterator[Finding]:
    """Agetty can log somebody in who only sits down there."""
    for folder in _UNITS:
        for unit in [name for name in look.system.names(folder) if "getty" in name]:
            inside = [f"{folder}/{unit}/{name}" for name in look.system.names(f"{folder}/{unit}")]
            for file in inside or [f"{folder}/{unit}"]:
                if any(map(_AUTOLOGIN.match, _lines(look, file))):
                    yield Finding(
                        "console-asks-nothing",
                        Severity.NOTE,
                        file,
                        f"A console logs somebody in by itself (agetty --autologin): {unit.removesuffix('.d')}.",
                        "Whoever comes to it, by screen or serial line, is in without password and code.",
                        f"If that is not meant: rm {file} && systemctl daemon-reload",
                    )


def _lines(look: Examination, file: str) -> list[str]:
    return (look.system.read(file) or "").splitlines() if look.system.path(file).is_file() else []


def the_system_is_known(look: Examination) -> Iterator[Finding]:
    """Systems that write /etc themselves."""
    if unfit := preflight.no_box_for_it(look.system):
        yield Finding(
            "box-not-fit",
            Severity.ERROR if look.on else Severity.WARNING,
            "this box",
            unfit,
            "What is switched on here may be gone without a word, or shut people out.",
            "nas2fa system disable, if it is on; docs/nas.md tells what can be done.",
        )
    if look.system.path("/etc/openmediavault/config.xml").exists():
        yield Finding(
            "box-is-openmediavault",
            Severity.NOTE,
            "/etc/openmediavault/config.xml",
            "This is OpenMediaVault, which writes sshd_config and the configuration of other services itself.",
            "Changes by hand in these files are lost; its web page does not ask for a code.",
            "Make the settings in its web page; docs/nas.md tells which.",
        )


CHECKS = (
    proftpd_heeds_pam,
    repeated_logins_are_trusted,
    sudo_asks,
    consoles_ask,
    the_system_is_known,
)
