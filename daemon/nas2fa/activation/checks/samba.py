"""Checks of Samba: that each of its logins asks nas2fad and heeds the answer, and what goes around that."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from nas2fa.activation import samba, smb_conf, stacks
from nas2fa.activation.accounts import accounts
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import SWITCH, Finding, Severity
from nas2fa.activation.outcomes import REFUSED, bypass
from nas2fa.activation.places import SAMBA_STACK
from nas2fa.activation.samba import RELOAD, SambaError, Settings
from nas2fa.activation.smb_conf import COMMAND_LINE, CONFIG, Setting
from nas2fa.activation.smbd_start import Start

_ANEW = f"To write it anew: {SWITCH}, a login with a code, nas2fa system confirm (else it is lost again)"
_LEAVE_OUT = f"To leave Samba out: {SWITCH} --no-samba"
_STARTED = (
    "SMBDOPTIONS in /etc/default/samba, or ExecStart and Environment in `systemctl cat smbd`, then: "
    "systemctl daemon-reload; systemctl restart smbd"
)
_OPEN = "A stolen password then opens the shares."
RUN = "/run/samba"
_LEVELS = ("loglevel", "debuglevel")
_AUDIT = re.compile(r"auth_(json_)?audit", re.IGNORECASE)


def samba_is_covered(look: Examination) -> Iterator[Finding]:
    """Whether the switch that counts has its line in Samba's stack; an administrator may have left it out."""
    if not samba.installed(look.system) or _covered(look):
        return
    late = look.switch is not None and look.switch.facts.options.get("samba") is True
    yield Finding(
        "samba-not-covered",
        Severity.WARNING if late else Severity.NOTE,
        SAMBA_STACK,
        "Samba was installed after the second step was switched on: its shares ask for no code."
        if late
        else "Samba's shares ask for no code.",
        "Whoever has the password reads the shares.",
        f"Cover it: {SWITCH} --samba. Or let smbd listen in networks that you trust only (`hosts allow`).",
    )


def samba_asks_pam(look: Examination) -> Iterator[Finding]:
    """What keeps PAM's account phase from being called: in smb.conf, or on smbd's command line, now or next time."""
    if not _covered(look):
        return
    for start in look.smbd_starts:
        if start.unknown:
            yield _start_unknown(start)
            continue
        try:
            found = samba.settings(look.system, start)
        except SambaError as error:
            yield Finding(
                "samba-refuses-config",
                Severity.ERROR,
                start.config or CONFIG,
                str(error),
                "Nobody can tell whether a login to the shares is asked for a grant; and smbd may not start again.",
                f"Correct what it names, then: {RELOAD}",
            )
            continue
        yield from _without_pam(found, start)


def _without_pam(found: Settings, start: Start) -> Iterator[Finding]:
    if samba.is_domain_controller(found):
        yield Finding(
            "samba-is-controller",
            Severity.ERROR,
            found.file,
            "Samba is an Active Directory domain controller (server role).",
            f"As such it does not ask PAM who may log in. {_OPEN}",
            "Serve the files from another box, a member of the domain; here, close the ports 139 and 445 to people. "
            + _LEAVE_OUT,
        )
    elif not samba.asks_pam(found):
        yield Finding(
            "samba-without-pam",
            Severity.ERROR,
            found.file,
            "Samba does not ask PAM who may log in (obey pam restrictions = no)."
            + (f" Its command line says: {start}" if str(start) else ""),
            _OPEN,
            f"Set `obey pam restrictions = yes` in the section [global] of {found.file}, then: {RELOAD}"
            + (f". For the command line: {_STARTED}" if str(start) else ""),
        )


def _start_unknown(start: Start) -> Finding:
    return Finding(
        "samba-start-unknown",
        Severity.ERROR,
        COMMAND_LINE,
        f"smbd is started with what nas2fa does not know: {' '.join(start.unknown)}",
        "Nobody can tell which configuration it reads, and so whether a login to the shares is asked for a grant.",
        f"Take it out: {_STARTED}",
    )


def the_line_is_heeded(look: Examination) -> Iterator[Finding]:
    """The stack that smbd reads at each login: our line is there, is reached, and its no is a no."""
    if not _covered(look):
        return
    way = samba.open_way(look.system)
    if stacks.file_of(look.system, "samba") is None:
        yield Finding(
            "samba-stack-missing",
            Severity.ERROR,
            SAMBA_STACK,
            f"{SAMBA_STACK} does not exist, so that the lines of /etc/pam.d/other count.",
            _OPEN,
            f"{samba.PUT_BACK}; then: {SWITCH}",
        )
    elif not _lines_of_ours(look):
        yield Finding(
            "samba-line-missing",
            Severity.ERROR,
            SAMBA_STACK,
            f"Our line of the kind account is not in {SAMBA_STACK}.",
            f"{_OPEN} An upgrade of samba-common that replaced the file does this.",
            _ANEW,
        )
    elif way is not None:
        ours = [step.line for step in way.steps if step.line.ours]
        ignored = REFUSED in way.notes
        line = ours[-1] if ignored else bypass(way) or way.steps[-1].line
        yield Finding(
            "samba-line-ignored" if ignored else "samba-line-skipped",
            Severity.ERROR,
            f"{line.where}: {line}",
            "The answer of nas2fad is not heeded." if ignored else "Samba's account stack can end before our line.",
            _OPEN,
            f"Our line must be `requisite`, and the first of the kind account in {SAMBA_STACK}. {_ANEW}",
        )


def samba_is_the_same_for_all(look: Examination) -> Iterator[Finding]:
    """Files that smbd takes in by the client's name or address, which testparm cannot know."""
    for setting in _lines(look):
        if setting.varies:
            yield Finding(
                "samba-config-varies",
                Severity.ERROR,
                setting.where,
                f"Which configuration is in force depends on the client: {setting.name} = {setting.value}",
                f"What is read for some clients only may hold `obey pam restrictions = no`. {_OPEN}",
                f"Take the line out, then: {RELOAD}. What differs by person or network belongs into the shares "
                "themselves (`valid users`, `hosts allow`).",
            )


def refused_logins_end(look: Examination) -> Iterator[Finding]:
    """Samba can turn who was refused into a guest. Never for an answer of nas2fad, but for others of the stack."""
    found = _settings(look)
    if found and found.globally.get("map to guest", "").lower() == "bad password":
        yield Finding(
            "samba-guest-instead",
            Severity.WARNING,
            CONFIG,
            "Who types a wrong password, or whose account of the box has expired, becomes a guest (map to guest).",
            "They get in without a word, and neither they nor you learn that the login was refused.",
            f"Set `map to guest = bad user`, or `never` where no share is for guests, in {CONFIG}, then: {RELOAD}",
        )


def guests_are_nobody(look: Examination) -> Iterator[Finding]:
    """Whoever comes as a guest, without a password, is this account, with its files and its groups."""
    found = _settings(look)
    guest = found.globally.get("guest account", "") if found else ""
    account = next(accounts(look.system, guest), None) if guest else None
    if found is None or account is None:
        return
    admin = account.uid in {0, *(one.uid for one in look.admins)}
    if admin or account.uid in {row["uid"] for row in look.records if row["armed"]}:
        yield Finding(
            "samba-guest-is-somebody",
            Severity.ERROR,
            f"{found.file}: guest account",
            f"Guests of Samba are {guest}, {'an administrator' if admin else 'who has a second step'}.",
            "Where guests are let in, they read and write as that user, without password and code.",
            f"Set `guest account = nobody` in the section [global] of {found.file}, then: {RELOAD}",
        )


def sessions_can_be_ended(look: Examination) -> Iterator[Finding]:
    """nas2fa-smb sees Samba's table of sessions where Debian has it, and is shut out of everything else."""
    found = _settings(look)
    if found is None:
        return
    elsewhere = [
        f"{name} = {found.globally[name]}"
        for name in ("lock directory", "pid directory")
        if os.path.realpath(look.system.path(found.globally.get(name, RUN))) != os.path.realpath(look.system.path(RUN))
    ]
    if found.globally.get("clustering", "").lower() == "yes":
        elsewhere.append("clustering = yes")
    if elsewhere:
        yield Finding(
            "samba-sessions-elsewhere",
            Severity.WARNING,
            found.file,
            f"Samba keeps its table of sessions elsewhere than in {RUN}: {', '.join(elsewhere)}.",
            "nas2fa ends no session then: who has lost a grant goes on, and `nas2fa grants revoke` may say 0 sessions.",
            "Take it out, then: systemctl restart smbd",
        )


def passwords_are_not_changed_unasked(look: Examination) -> Iterator[Finding]:
    """SAMR changes a password for whoever knows the old one, and logs nobody in for it."""
    found = _settings(look)
    level = found.globally.get("restrict anonymous", "0") if found else "2"
    if not level.isdecimal() or int(level) < 2:
        yield Finding(
            "samba-password-change",
            Severity.NOTE,
            CONFIG,
            "Whoever knows a password of Samba's can change it over the network without a login (restrict anonymous).",
            "PAM is not asked for that, so no code is. They do not get in, but they lock the owner out.",
            f"Set `restrict anonymous = 2` in the section [global] of {CONFIG}, then: {RELOAD}",
        )


def the_log_tells(look: Examination) -> Iterator[Finding]:
    """What would be missed on the day on which somebody asks who was there: nas2fad never hears of a wrong password."""
    found = _settings(look)
    if found is None:
        return
    settings = []
    if not any(one.name in _LEVELS and _AUDIT.search(one.value) for one in _lines(look)):  # testparm tells its own
        settings.append("log level = 1 auth_audit:3")
    if "139" in found.globally.get("smb ports", "").split():
        settings.append("smb ports = 445")
    if found.globally.get("hostname lookups", "").lower() == "yes":
        settings.append("hostname lookups = no")
    if settings:
        yield Finding(
            "samba-log-tells-little",
            Severity.NOTE,
            CONFIG,
            f"Samba's own log could tell more, and more surely: {CONFIG} does not have `{'`, `'.join(settings)}`.",
            "Only auth_audit tells of wrong passwords; and the names that come by port 139 and the DNS are not sure.",
            f"Set them in the section [global] of {CONFIG}, then: {RELOAD}",
        )


def _covered(look: Examination) -> bool:
    """Whether Samba is here, and a switch covers it: on trial or confirmed."""
    switch = look.switch
    return (
        switch is not None
        and samba.installed(look.system)
        and any(path == SAMBA_STACK for _, path, _ in switch.files)
        and switch.facts.options.get("samba") is not False  # else it is among the files to have a way back only
    )


def _settings(look: Examination) -> Settings | None:
    """The values in force where Samba is covered; None elsewhere, and where samba_asks_pam() has said why."""
    try:
        return look.samba if _covered(look) else None
    except SambaError:
        return None


def _lines(look: Examination) -> list[Setting]:
    """Each line of the configurations that smbd reads, now and at the next start, where Samba is covered."""
    starts = look.smbd_starts if _covered(look) else ()
    return list(dict.fromkeys(setting for start in starts for setting in smb_conf.settings(look.system, start)))


def _lines_of_ours(look: Examination) -> list[stacks.Line]:
    lines = stacks.flatten(look.system, "samba", "account")
    return [line for line in lines if line.ours and "guard" not in line.arguments]


CHECKS = (
    samba_is_covered,
    samba_asks_pam,
    the_line_is_heeded,
    samba_is_the_same_for_all,
    refused_logins_end,
    guests_are_nobody,
    sessions_can_be_ended,
    passwords_are_not_changed_unasked,
    the_log_tells,
)
