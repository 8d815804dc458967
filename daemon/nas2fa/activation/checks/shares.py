"""Checks of the shares that run nas2fa-share: that its no is heeded, and asked for the right person."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from nas2fa.activation import samba, step_up
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.samba import RELOAD, SambaError, Settings
from nas2fa.activation.step_up import CLOSE, FORCED, PREEXEC


def shares_heed_the_answer(look: Examination) -> Iterator[Finding]:
    """Values beside `root preexec` that make its answer count for nothing."""
    for found, share in asking(look):
        where = f"{found.file}: [{share}]"
        if found.of(share, CLOSE).lower() != "yes":
            yield Finding(
                "share-goes-on",
                Severity.ERROR,
                where,
                f"The share {share} runs nas2fa-share, but does not heed its answer ({CLOSE} = no).",
                "Everybody who may open the share gets in without a grant.",
                f"Set `{CLOSE} = yes` in the section [{share}] of {found.file}, then: {RELOAD}",
            )
        if found.of(share, FORCED):
            yield Finding(
                "share-forces-user",
                Severity.ERROR,
                where,
                f"The share {share} makes everybody {found.of(share, FORCED)} ({FORCED}) before nas2fa-share is asked.",
                "A grant of that user opens the share to all; without one nobody gets in.",
                f"Take `{FORCED}` out of the section [{share}] (`force group` is no fault), then: {RELOAD}",
            )
        if found.of(share, "guest ok").lower() == "yes":
            yield Finding(
                "share-open-to-guests",
                Severity.WARNING,
                where,
                f"The share {share} lets guests in (guest ok = yes); nas2fa-share is asked about the guest account.",
                "That has no second step: unless `unenrolled` or a rule of nas2fa.toml refuses it, all guests get in.",
                f"Take `guest ok` out of the section [{share}] of {found.file}, then: {RELOAD}",
            )
        if others := step_up.ways_in(look.system, found, share, look.accounts):
            yield Finding(
                "share-reached-otherwise",
                Severity.WARNING,
                where,
                f"What is in the share {share} is in {', '.join(others)} too, which does not run nas2fa-share.",
                "Whoever needs no code for Samba as a whole reads it there without a grant.",
                f"Give each a folder of its own, or run nas2fa-share there as well: nas2fa smb share {others[0]}",
            )


def people_are_told_apart(look: Examination) -> Iterator[Finding]:
    """Smbd changes some letters of a name before nas2fa-share sees it."""
    names = [one.name for one in look.accounts] + [row["user"] for row in look.records]
    shares = [share for _, share in asking(look)]
    for group in step_up.alike(names) if shares else ():
        yield Finding(
            "share-takes-two-for-one",
            Severity.WARNING,
            ", ".join(group),
            f"smbd calls these accounts the same where it runs nas2fa-share: {', '.join(group)}.",
            f"Each of them opens {', '.join(shares)} with a grant of the other, at the same address.",
            "Give all but one another name (usermod --login), without any of $ ` \" ' ; % | & < > in it.",
        )


def shares_run_the_right_command(look: Examination) -> Iterator[Finding]:
    """The words of `root preexec`, and the program that it names."""
    for found, share in asking(look):
        where, text = f"{found.file}: [{share}]", found.of(share, PREEXEC)
        program = step_up.program_of(text)
        if program is None:
            typed = "%U" in text
            yield Finding(
                "share-command-differs",
                Severity.ERROR,
                where,
                f"The share {share} runs nas2fa-share in another way than `nas2fa smb share {share}` prints: {text}",
                "%U is the name that the client has typed, which may be somebody else's."
                if typed
                else "Its answer may be lost, be about somebody else, or be no for everybody.",
                f"Write the line as it is printed by: nas2fa smb share {share}",
            )
        elif fault := _fault(look, program):
            yield Finding(
                "share-helper-broken",
                Severity.ERROR,
                where,
                f"{program} {fault}.",
                f"The share {share} refuses everybody, or runs as root what others may change.",
                "apt-get install --reinstall libpam-nas2fa; and see that the line names the file that is there: "
                f"nas2fa smb share {share}",
            )


def _fault(look: Examination, program: str) -> str | None:
    """What is wrong with the program; None when nothing is."""
    try:
        state = look.system.path(program).stat()
    except (FileNotFoundError, NotADirectoryError):
        return "does not exist"
    if not state.st_mode & stat.S_IXUSR:
        return "cannot be run"
    if state.st_uid or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"can be changed by others than root (uid {state.st_uid}, {stat.filemode(state.st_mode)})"
    return None


def asking(look: Examination) -> Iterator[tuple[Settings, str]]:
    """The shares that run nas2fa-share, whether the second step is on for the box or not."""
    if not samba.installed(look.system):
        return
    try:
        found = look.samba
    except SambaError:
        return  # nothing can be told; samba_asks_pam() does, where it matters
    yield from ((found, share) for share in found.shares if step_up.asks(found, share))


CHECKS = (shares_heed_the_answer, people_are_told_apart, shares_run_the_right_command)
