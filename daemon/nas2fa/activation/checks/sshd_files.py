"""Checks of sshd's files: that sshd can read them, has read them, and reads none before ours."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from nas2fa.activation import edits, sshd
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.places import DROP_IN
from nas2fa.activation.sshd import SshdError, StoppedError

RELOAD = "then: sshd -t && systemctl reload ssh"


def configuration_is_read(look: Examination) -> Iterator[Finding]:
    """Nothing else about sshd can be said when it refuses its own configuration."""
    try:
        _ = look.sshd
    except StoppedError:
        what = "sshd does not run, and cannot be asked from here what its configuration means."
        why, fix = "Nothing was found out about ssh.", "By hand it can be asked all the same: nas2fa system check"
        yield Finding("sshd-not-running", Severity.NOTE, config(look), what, why, fix)
    except SshdError:
        refused = sshd.refused(look.system, look.sshd_start)
        if refused is None:
            raise  # it would start, but does not tell what it would do: nothing else is found out about it
        yield Finding(
            "sshd-refuses-config",
            Severity.ERROR,
            config(look),
            f"sshd refuses its configuration: {refused}",
            "At its next restart, nobody gets in by ssh.",
            f"Correct the line that it names, {RELOAD}",
        )


def sshd_has_read_them(look: Examination) -> Iterator[Finding]:
    """Sshd reads its files when it is started or reloaded: what is asked of it above is what they say now."""
    since = look.sshd_start.since
    if not look.on or not values_of(look) or since is None:
        return
    files = {config(look), str(PurePosixPath(DROP_IN).parent), *(one.file for one in look.sshd_settings)}
    changed = {file: look.system.path(file).stat().st_mtime for file in files if look.system.path(file).exists()}
    newest = max(changed, key=lambda file: changed[file])
    if since < changed[newest] <= time.time():
        yield Finding(
            "sshd-not-reloaded",
            Severity.WARNING,
            newest,
            f"{newest} was changed after sshd was started or last reloaded.",
            "sshd still does what it read then, which was not looked at.",
            "sshd -t && systemctl reload ssh",
        )


def no_other_file_wins(look: Examination) -> Iterator[Finding]:
    """The first value that sshd reads is in force: ours has to be the first, also before it is switched on."""
    if not values_of(look):
        return
    planned = {} if look.system.path(DROP_IN).exists() else {DROP_IN: edits.drop_in(edits.Keys.GUARD)}
    if DROP_IN not in {one.file for one in sshd.settings(look.system, planned, look.sshd_start)}:
        yield Finding(
            "sshd-drop-in-unread",
            Severity.ERROR,
            config(look),
            f"sshd does not read {DROP_IN}.",
            "Without the settings in there, ssh cannot ask for the code.",
            f"Put `Include /etc/ssh/sshd_config.d/*.conf` at the top of {config(look)}, {RELOAD}",
        )
        return
    for keyword, wanted in edits.in_force(edits.Keys.GUARD).items():
        won = sshd.winner(look.system, keyword, planned, look.sshd_start)
        if won and won.file != DROP_IN and won.value.strip('"').lower() != " ".join(wanted):
            out = f"take line {won.line} out of {won.file}, {RELOAD}"
            if won.file == sshd.COMMAND_LINE:
                out = "take the option out of SSHD_OPTS in /etc/default/ssh or of the unit, then: systemctl restart ssh"
            yield Finding(
                "sshd-other-file-wins",
                Severity.ERROR,
                won.where,
                f"{won.where} sets {proper(keyword)} before sshd reads {DROP_IN}.",
                "The first value counts, so what switching on sets there is not in force.",
                f"Move the line `Include /etc/ssh/sshd_config.d/*.conf` to the top of {sshd.CONFIG}, or {out}. "
                "If a program writes that file (OpenMediaVault), do it there.",
            )


def values_of(look: Examination) -> Mapping[str, list[str]]:
    """Sshd's values; none where configuration_is_read() has said why."""
    try:
        return look.sshd
    except SshdError:
        return {}


def config(look: Examination) -> str:
    """The file that sshd reads first."""
    return look.sshd_start.config or sshd.CONFIG


def proper(keyword: str) -> str:
    """The keyword as sshd_config(5) writes it."""
    return {
        "usepam": "UsePAM",
        "kbdinteractiveauthentication": "KbdInteractiveAuthentication",
        "passwordauthentication": "PasswordAuthentication",
    }.get(keyword, keyword)


CHECKS = (configuration_is_read, sshd_has_read_them, no_other_file_wins)
