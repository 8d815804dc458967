"""What `./demo` shows: from the set-up over switching on to the recovery code, by real programs in a real Debian."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
from debianbox import lan, logins, samba, timeservers
from debianbox.authenticator import Authenticator
from debianbox.clients import ADDRESS, openssh
from debianbox.layers import installed
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT
from debianbox.machine import Box
from debianbox.roots import SUITES, samba_recipe
from debianbox.sources import host_suite

DENY = 5
"""Wrong codes until the lock: the default of nas2fa.toml, which the demo leaves as it is."""

_AT_SHARE = r"smb: [^>]*> "  # smbclient's prompt
_FILES = "find /etc/pam.d /etc/ssh /var/lib/pam -type f -exec sha256sum {} + | sort"
ENDINGS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

BY_HAND = """
You are root in the box {name}, a Debian of its own. Alice's password is: {password}

  nas2fa setup --user alice      sets up her second step, with any authenticator app
  ssh alice@localhost            logs in from here
  nas2fa system enable --no-way-back-check   switches it on for the whole box, on trial
  nas2fa explain                 shows why each attempt ended as it did

From another terminal of the host:  sudo nsenter -t {leader} -n ssh alice@{address}

Leave with "exit": the box and all in it are then deleted.
"""


class UnexpectedError(Exception):
    """Something was not as it should be; the text says what."""


def chapter(text: str) -> None:
    """A heading in the transcript."""
    print(f"\n=== {text}", flush=True)


def show(text: str) -> None:
    """What a program printed, indented. That ssh keeps no list of known hosts here is left out."""
    for line in text.replace("\r", "").strip("\n").splitlines():
        if not line.startswith("Warning: Permanently added"):
            print(f"    {line}".rstrip(), flush=True)


class Terminal:
    """A program on a terminal, shown as it is used: what it prints, and what is typed into it."""

    def __init__(self, what: str, child: pexpect.spawn[str]) -> None:
        """`what` is the command line to show."""
        self._child = child
        self._typed = ""
        print(f"\n    $ {what}", flush=True)

    def type(self, prompt: str, text: str) -> re.Match[str]:
        """Wait for `prompt` and type `text`; returns the match."""
        match = self.wait(prompt)
        print(f"    « types: {text or 'Enter'} »", flush=True)
        self._child.sendline(text)
        self._typed = text
        return match

    def wait(self, pattern: str) -> re.Match[str]:
        """Wait for `pattern` and show all up to it. Raises UnexpectedError when it does not come."""
        try:
            self._child.expect(pattern)
        except (pexpect.EOF, pexpect.TIMEOUT) as error:
            self._show(str(self._child.before))
            raise UnexpectedError(f"waited for {pattern!r}, but {type(error).__name__} came") from None
        self._show(f"{self._child.before}{self._child.after}")
        assert isinstance(self._child.match, re.Match)
        return self._child.match

    def _show(self, text: str) -> None:
        """Show it, without the terminal's echo of what was typed: that was shown already."""
        show(text.lstrip().removeprefix(self._typed) if self._typed else text)
        self._typed = ""

    def end(self, *, entered: bool, saying: str = "") -> str:
        """Wait for the end; it must be a login that got in, or not, and must have said `saying`."""
        self._child.expect(pexpect.EOF)
        rest = str(self._child.before)
        self._show(rest)
        self._child.close()
        if (self._child.exitstatus == 0) != entered:
            raise UnexpectedError("got in" if self._child.exitstatus == 0 else "did not get in")
        if saying not in rest:
            raise UnexpectedError(f"did not say {saying!r}")
        return rest


class Story:
    """The demo's steps, in their order, in one box."""

    def __init__(self, box: Box) -> None:
        """Tell it in `box`."""
        self._box = box
        self._phone = Authenticator()
        self._files = box.run(_FILES).stdout
        self._recovery_codes: list[str] = []

    def tell(self) -> None:
        """All of it. Raises UnexpectedError, or AssertionError from the box."""
        self._clock()
        invite = self._invite()
        self._set_up(invite)
        self._on_trial()
        self._logins()
        self._shares()
        self._locked()
        self._explained_and_unlocked()
        self._recovery_code()
        self._off()

    def _root(self, command: str) -> str:
        print(f"\n    root# {command}", flush=True)
        output = self._box.run(command).stdout
        show(output)
        return output

    def _ssh(self, code: str, *, entered: bool, saying: str = "") -> None:
        session = self._at_her_computer()
        session.type(CODE_PROMPT, code)
        session.end(entered=entered, saying=saying)

    def _at_her_computer(self) -> Terminal:
        """A login by ssh from the machine beside the box, after the password."""
        child = openssh(lan.Neighbour(self._box), "alice", host=lan.BOX)
        session = Terminal(f"ssh alice@nas id -un    (at {lan.NEIGHBOUR})", child)
        session.type(PASSWORD_PROMPT, PASSWORD)
        return session

    def _clock(self) -> None:
        chapter("Is the clock right? Three time servers are asked; one of them lies, and is found out")
        servers = dict(zip(timeservers.ADDRESSES, (0.0, 0.0, 3600.0), strict=False))
        self._box.run("cat >> /etc/nas2fa/nas2fa.toml", stdin=f"ntp_servers = {list(servers)}\n")
        self._box.run("systemctl reload nas2fad")
        with timeservers.serving(self._box, servers):
            said = self._root("nas2fa clock")
        if "lying" not in said:
            raise UnexpectedError("the liar was not found out")

    def _invite(self) -> str:
        chapter("The administrator invites alice")
        invite = re.search(r"\w{4}-\w{4}-\w{4}", self._root("nas2fa user invite alice"))
        if invite is None:
            raise UnexpectedError("no invite code")
        return invite[0]

    def _set_up(self, invite: str) -> None:
        chapter("Alice logs in with her password alone, and sets up her phone")
        command = f"LANG=C.UTF-8 nas2fa setup --invite {invite}"
        child = openssh(self._box, "alice", "-t", command=command)
        child.setwinsize(60, 120)
        session = Terminal(f"ssh -t alice@box nas2fa setup --invite {invite}", child)
        session.type(PASSWORD_PROMPT, PASSWORD)
        session.type(PASSWORD_PROMPT, PASSWORD)
        session.type(r"Get started[^\n]*\) ?", "")
        key = session.wait(r"Key: ([A-Z2-7 ]+)\r\n")[1]
        self._phone = Authenticator.from_key(key)
        session.type(r"Code that the app shows[^\n]*: ", self._phone.code())
        session.wait(r"Verified successfully[^\n]*\n")
        shown = session.type("Type yes when you have saved them: ", "yes")
        self._recovery_codes = re.findall(r"\b\w{4}-\w{4}-\w{4}\b", shown.string[: shown.start()])
        session.end(entered=True)

    def _on_trial(self) -> None:
        chapter("The administrator switches it on for the whole box, on trial: without a confirmation it undoes itself")
        # One administrator and no tried rescue are too few on a real box; here the box is thrown away.
        self._root("nas2fa system enable --yes --no-way-back-check --confirm-within 10m | grep -v '^ '")

    def _logins(self) -> None:
        chapter("Her computer opens the file shares. The password is right, but SMB cannot ask for the code: refused")
        self._visit(samba.NEEDS_CODE)
        self._root("nas2fa attempts")
        chapter("The next login there asks for the code that her phone shows now; after that it may be confirmed")
        code = self._phone.code()
        self._ssh(code, entered=True, saying="alice")
        self._root("nas2fa system confirm && nas2fa system status")
        chapter("Who has seen that code typed cannot use it again")
        self._ssh(code, entered=False, saying="used already")

    def _shares(self) -> None:
        chapter("The shares are open to that computer too, since the code was given there; from elsewhere they are not")
        words = self._box.enter(samba.client("alice"), environment={"TERM": "dumb"})
        child = pexpect.spawn(words[0], words[1:], encoding="utf-8", timeout=30)
        session = Terminal(f"smbclient //nas/{samba.SHARE} -U alice    (at {lan.NEIGHBOUR})", child)
        session.type(_AT_SHARE, "ls")
        session.wait(r"file .*\n")
        self._visit(samba.NEEDS_CODE, source=lan.VISITOR)
        self._root("nas2fa grants list")
        chapter("The administrator ends that: the session is cut off, and another is refused")
        self._root("nas2fa grants revoke --user alice")
        session.type(_AT_SHARE, "ls")
        session.wait("NT_STATUS_CONNECTION_DISCONNECTED")
        self._visit(samba.NEEDS_CODE)

    def _visit(self, expected: str, source: str = lan.NEIGHBOUR) -> None:
        print(f"\n    $ smbclient //nas/{samba.SHARE} -U alice    (at {source})", flush=True)
        said = samba.visit(self._box, "alice", source=source)
        show(said)
        if said != expected:
            raise UnexpectedError(f"Samba did not say {expected}")

    def _locked(self) -> None:
        chapter(f"Somebody who knows the password guesses codes: {DENY} wrong ones, and that source is locked")
        for _ in range(DENY):
            self._ssh(self._phone.wrong(), entered=False, saying="not right")
        self._at_her_computer().end(entered=False, saying="Too many wrong codes")

    def _explained_and_unlocked(self) -> None:
        chapter("The administrator sees what happened, and unlocks her")
        listed = self._root("nas2fa explain")
        attempt = next((line.split()[2] for line in listed.splitlines() if "LOCKED" in line), None)
        if attempt is None:
            raise UnexpectedError("no locked attempt is listed")
        self._root(f"nas2fa explain {attempt}")
        self._root("nas2fa user unlock alice")

    def _recovery_code(self) -> None:
        chapter("Her phone is at home: a recovery code gets in, once")
        code = self._recovery_codes[0]
        self._ssh(code, entered=True, saying="alice")
        self._ssh(code, entered=False, saying="used already")

    def _off(self) -> None:
        chapter("Off again: every file is what it was before, byte for byte")
        self._root("nas2fa system disable --yes")
        after = self._box.run(_FILES).stdout
        if after != self._files:
            raise UnexpectedError("a file is not as it was")
        self._at_her_computer().end(entered=True, saying="alice")


def prepare(box: Box) -> None:
    """An account for alice, who administers the box; sshd takes many failures from one address."""
    box.run(["useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", "alice"])
    box.run(["chpasswd"], stdin=f"alice:{PASSWORD}\n")
    logins.configure_sshd(box, "")
    samba.set_password(box, "alice", PASSWORD)
    samba.add_shares(box)
    lan.attach(box)


def fingerprint(folder: Path) -> str:
    """One SHA-256 over names, modes, owners and contents of all that is in a directory."""
    total = hashlib.sha256()
    for path in _all_below(folder):
        status = path.lstat()
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        total.update(f"{path}\0{status.st_mode}\0{status.st_uid}\0{status.st_gid}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _all_below(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.rglob("*")))


def by_hand(box: Box) -> None:
    """A root shell in the box, on the caller's terminal."""
    print(BY_HAND.format(name=box.name, password=PASSWORD, leader=box.running.leader, address=ADDRESS), flush=True)
    subprocess.run(box.enter(["script", "-qec", "bash -l", "/dev/null"]), check=False)


def leave(*_: object) -> None:
    """A closed terminal ends the demo as Ctrl-C does: the box is deleted, and no second signal cuts that short."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(1)


def main(arguments: list[str]) -> int:
    """Run the demo; the exit status."""
    for number in ENDINGS:
        signal.signal(number, leave)
    started = time.monotonic()
    etc = fingerprint(Path("/etc"))
    suite = host_suite() if host_suite() in SUITES else SUITES[0]
    chapter(f"A throw-away Debian ({suite}) with our packages, beside this machine; the first time it is fetched")
    try:
        with Box(installed(suite, samba_recipe(suite))) as box:
            prepare(box)
            print(f"    {box.name} is up, with a network of its own.", flush=True)
            if "--shell" in arguments:
                by_hand(box)
            else:
                Story(box).tell()
    except (UnexpectedError, AssertionError) as error:
        print(f"\nNOT as it should be: {error}", flush=True)
        return 1
    if fingerprint(Path("/etc")) != etc:
        print("\nNOT as it should be: /etc of this machine was changed meanwhile", flush=True)
        return 1
    chapter(f"All was as it should be, in {time.monotonic() - started:.0f} s. The box is deleted.")
    print(f"    /etc of this machine is as it was (SHA-256 over all of it: {etc[:16]}…).", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
