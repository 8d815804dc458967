"""The switch itself: write, look whether it is in force, and arm the way back before the first byte changes."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from syslog import LOG_NOTICE
from typing import Any

from systemd import journal

from nas2fa.activation import arming, samba, sshd, state, writing
from nas2fa.activation.admins import Admin
from nas2fa.activation.edits import in_force
from nas2fa.activation.places import (
    DROP_IN,
    ELSEWHERE,
    SAMBA_STACK,
    SCRIPT,
    TRIAL,
)
from nas2fa.activation.plan import DECOY, PROFILE, Change, Options, Plan
from nas2fa.activation.state import Facts, State
from nas2fa.activation.system import Ran, System, contained
from nas2fa.shown import shown

Ask = Callable[[str, Mapping[str, Any]], tuple[Mapping[str, Any], list[Mapping[str, Any]]]]
"""One request to nas2fad: verb and arguments; what is done, and rows. Raises Nas2faError or UnreachableError."""

ON_TRIAL = "870b92ee37ae4efc9f4fe2434070a5d8"  # MESSAGE_ID of a switch, and below of its confirmation
CONFIRMED = "7c4af370ef6d44cdac3f8aa2375ec829"


class SwitchError(Exception):
    """The switch did not take effect, and was taken back; the text says why."""


class HalfBackError(Exception):
    """As SwitchError, but the way back did not come to its end; the text says why, and what to do."""


def facts(options: Options, admins: Sequence[Admin], seconds: int, *, way_back_checked: bool) -> Facts:
    """What is told about a switch that begins now and waits `seconds` for its confirmation."""
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    shown = {"ssh_keys": str(options.keys), "decoy": options.decoy, "samba": options.samba}
    shown["way_back_checked"] = way_back_checked
    uids = tuple(admin.uid for admin in admins)
    return Facts(caller(), time.time(), state.boot_id(), began, began + seconds, uids, shown)


def caller() -> str:
    """The name of the person at the terminal, also behind sudo or su: the audit trail's login uid."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return pwd.getpwuid(int(Path("/proc/self/loginuid").read_text())).pw_name
    return os.environ.get("SUDO_USER") or "root"


def switch(system: System, plan: Plan, options: Options, told: Facts) -> None:
    """Switch on, with the way back armed first. Raises SwitchError or OSError, and the box is then as it was.

    Raises HalfBackError when it is not. A plan is refused that is not about the box as it is by now: its way back
    would lead into a world that is gone, and what somebody else has written meanwhile would be lost.
    """
    with state.locked(system):
        if state.pending(system) is not None:
            raise SwitchError("a switch is on trial already: confirm or undo it first (nas2fa system status)")
        if outdated := plan.outdated(system):
            raise SwitchError(f"changed meanwhile: {', '.join(outdated)}. Run it again")
        failure = _tried(system, plan.changes, options, told)
    if failure is None:
        _log(ON_TRIAL, f"2-step verification is on trial, switched on by {told.by}", told)
    else:
        ran = go_back(system, "roll-back")  # takes the lock itself
        if ran.status != 0:
            raise HalfBackError(
                f"{failure}. The way back broke off; run nas2fa-off again: {ran.err.strip()}"
            ) from failure
        raise failure


def _tried(system: System, changes: Sequence[Change], options: Options, told: Facts) -> BaseException | None:
    try:
        arming.arm_boot(system)
        kept = state.keep(system, changes, options.profiles, told)
        _arm_timer(system, kept, told)
        _write(system, changes, kept)
        _answer(system, options.profiles)
        _check_sshd(system, options, told, changes)
        _check_samba(system, options)
        _tell_daemon(system, told)
        _refuse_if_undone(system, kept)
    except sshd.SshdError as error:
        return SwitchError(f"sshd refuses its configuration: {error}")
    except BaseException as error:  # noqa: BLE001  Ctrl-C too
        return error
    return None


def go_back(system: System, how: str) -> Ran:
    """`roll-back` or `disable`, by the script that works without all this. What it says in `err` is for a person."""
    return system.run([str(system.path(SCRIPT)), how])


def undo_left_over(system: System) -> None:
    """Undo a switch that the start of the box should have undone. Raises HalfBackError."""
    if state.left_over(system) is not None:
        ran = go_back(system, "roll-back")
        if ran.status != 0:
            raise HalfBackError(f"a switch of an earlier start of the box is still on trial: {ran.err.strip()}")


def _arm_timer(system: System, kept: State, told: Facts) -> None:
    ran = arming.arm_timer(system, kept, told)
    if ran.status != 0:
        raise SwitchError(f"no timer could be set for the way back: {ran.err.strip()}")


def _refuse_if_undone(system: System, kept: State) -> None:
    """The way back does not wait for ever for a command that hangs: once it was gone, nothing may be written."""
    if state.pending(system) != kept:
        raise SwitchError("it took so long that the way back came first")


def _write(system: System, changes: Sequence[Change], kept: State) -> None:
    """All new files beside the old ones first, so that a full disk is noticed before anything has changed."""
    staged: list[tuple[Path, Path | None]] = []
    try:
        for change in changes:
            path = system.path(change.path)
            staged.append((path, None if change.new is None else writing.stage(path, change.new)))
        for path, new in staged:
            _refuse_if_undone(system, kept)
            if new is None:
                path.unlink(missing_ok=True)
            else:
                os.rename(new, path)
            writing.sync(path.parent)
    except BaseException:
        for _, new in staged:
            if new is not None:
                new.unlink(missing_ok=True)
        raise


def _answer(system: System, profiles: Sequence[str]) -> None:
    """Let debconf remember the profiles: what counts for who runs `pam-auth-update --force` one day."""
    held = system.run(["debconf-communicate", "libpam-runtime"], "GET libpam-runtime/profiles\n")
    if held.status != 0:
        return  # apt has it: then the other profiles are not known, and must not be left out
    names = [name.strip() for name in held.out.partition(" ")[2].split(",")]
    others = [name for name in names if name and name not in (PROFILE, DECOY)]
    first, last = ([name for name in (profile,) if name in profiles] for profile in (PROFILE, DECOY))
    value = ", ".join([*first, *others, *last])  # in the order of their priorities, as pam-auth-update has them
    system.run(["debconf-communicate", "libpam-runtime"], f"SET libpam-runtime/profiles {value}\n")


def _check_sshd(system: System, options: Options, told: Facts, changes: Sequence[Change]) -> None:
    """Whether the settings are in force, for everybody and for each administrator; then let sshd read them.

    Raises SwitchError naming the file that wins, SshdError when sshd refuses its configuration.
    """
    if all(change.path != DROP_IN for change in changes):
        return
    users = [None, *filter(None, (_name(uid) for uid in told.uids))]
    for user in users:
        values = sshd.effective(system, user, ELSEWHERE if user else None)
        for keyword, wanted in in_force(options.keys).items():
            found = tuple(" ".join(values.get(keyword, [])).split())
            if found != wanted:
                raise SwitchError(_overruled(system, keyword, wanted, found, user))
    for unit in ("ssh.service", "sshd.service"):
        if system.run(["systemctl", "--quiet", "is-active", unit]).status == 0:
            ran = system.run(["systemctl", "reload", unit])
            if ran.status != 0:
                raise SwitchError(f"sshd did not take its new configuration: {ran.err.strip()}")


def _check_samba(system: System, options: Options) -> None:
    """Whether each way through its stack asks nas2fad; smbd reads that anew at each login. Raises SwitchError."""
    way = samba.open_way(system) if options.samba and samba.installed(system) else None
    if way is not None:
        steps = "; ".join(f"{step.line.where} gives {step.result}" for step in way.steps)
        raise SwitchError(f"a login to Samba could pass {SAMBA_STACK} without a yes of nas2fad: {steps}")


def _overruled(system: System, keyword: str, wanted: Sequence[str], found: Sequence[str], user: str | None) -> str:
    text = f"sshd has {keyword} {' '.join(found)}{f' for {user}' if user else ''}, not {' '.join(wanted)}"
    place = sshd.winner(system, keyword)
    if place is not None and place.file != DROP_IN:
        return (
            f"{text}: {place.where} comes before {DROP_IN}, and sshd takes the first value. Set it there "
            "(OpenMediaVault: in its own settings, docs/nas.md), or put `Include /etc/ssh/sshd_config.d/*.conf` first."
        )
    matches = [one for one in sshd.settings(system) if one.keyword == keyword and one.match is not None]
    where = ", ".join(one.where for one in matches)
    return f"{text}: a Match block says otherwise ({where})" if where else f"{text}: {DROP_IN} is not read"


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _tell_daemon(system: System, told: Facts) -> None:
    """nas2fad tells administrators at their logins how long the trial goes on."""
    note: Mapping[str, Any] = {"until": told.until, "uids": list(told.uids)}
    writing.replace(system.path(TRIAL), json.dumps(note).encode())


def confirm(system: System, ask: Ask) -> None:
    """Make the switch that is on trial stay. Raises SwitchError with what is missing, and what ask raises."""
    with state.locked(system):
        on_trial = state.pending(system)
        if on_trial is None:
            raise SwitchError("no switch is on trial: there is nothing to confirm (nas2fa system status)")
        told = on_trial.facts
        if told.boot_id != state.boot_id() or told.until <= time.clock_gettime(time.CLOCK_BOOTTIME):
            raise SwitchError("the trial is over; begin another: nas2fa system enable")
        _, rows = ask("accepted", {"since": int(told.began)})
        since = [row for row in rows if row["boot"] >= told.began]
        if not any(not told.uids or row["uid"] in told.uids for row in since):
            raise SwitchError(
                "no administrator has logged in with a code since the switch. From another terminal, log in by ssh or "
                "at the console with password and code; then confirm again." + _console_of_a_container(system)
            )
        state.confirm(system)
        arming.disarm(system)  # with the lock: afterwards these may be another switch's
    _log(CONFIRMED, f"2-step verification is on, confirmed by {caller()}", told)


def _console_of_a_container(system: System) -> str:
    """What else a container's administrator needs to know: its console is a pseudo-terminal."""
    if not contained(system):
        return ""
    return " This is a container: its console counts with console_ptys = true in /etc/nas2fa/nas2fa.toml."


def _log(message_id: str, text: str, told: Facts) -> None:
    journal.send(
        shown(text), MESSAGE_ID=message_id, PRIORITY=LOG_NOTICE, SYSLOG_IDENTIFIER="nas2fa",
        NAS2FA_BY=shown(told.by), NAS2FA_OPTIONS=json.dumps(dict(told.options)),
    )  # fmt: skip
