"""What nas2fad (argument `nas2fad`), nas2fa-signin, -smb and -courier (likewise) must be able to do caged."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from cage.calls import connect, in_child, read, read_clock, report


def replace_file(folder: str) -> None:
    """Write a file as the store does: beside it, synced, renamed, the directory synced."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    descriptor = os.open("probe.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
    os.write(descriptor, b"probe")
    os.fsync(descriptor)
    os.close(descriptor)
    os.rename("probe.new", "probe", src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)
    os.unlink("probe", dir_fd=directory)
    os.close(directory)


def use_libraries() -> None:
    """Import what nas2fad imports, and speak to the journal and to PID 1."""
    sys.path.append("/usr/lib/python3/dist-packages")
    import pyotp  # noqa: PLC0415 (the path first)
    from systemd import journal  # noqa: PLC0415

    pyotp.TOTP("GEZDGNBVGY3TQOJQ").at(0)
    journal.sendv("MESSAGE=from inside the cage", "CAGE_PROBE=1")
    connect("/run/systemd/notify", socket.SOCK_DGRAM)


def run_unix_chkpwd() -> None:
    """As pam_unix runs it: may alice log in? It succeeds only if it can read /etc/shadow too."""
    in_child(lambda: os.execv("/usr/sbin/unix_chkpwd", ["unix_chkpwd", "alice", "chkexpiry"]))


def run_samba(program: str, *arguments: str) -> None:
    """One of Samba's programs, as nas2fa-smb runs it."""
    command = [program, "--option=interfaces=127.0.0.1/8", *arguments]
    in_child(lambda: os.execv(f"/usr/bin/{program}", command))


def ping_smbd() -> None:
    """A message to smbd, and its answer."""
    run_samba("smbcontrol", Path("/run/samba/smbd.pid").read_text().strip(), "ping")


def run_thread() -> None:
    """Slow writes go to a thread."""
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def use_ntplib() -> None:
    """Import what nas2fa-courier imports."""
    sys.path.append("/usr/lib/python3/dist-packages")
    import ntplib  # noqa: PLC0415 (the path first)

    ntplib.NTPPacket().to_data()


def send_question() -> None:
    """A packet to a server, which is this box here."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.connect(("127.0.0.1", 123))
        connection.send(b"?")


NAS2FAD: dict[str, Callable[[], object]] = {
    "ask the kernel about the clock": read_clock,
    "state": lambda: replace_file("/run/nas2fa/state"),
    "credentials": lambda: replace_file("/var/lib/nas2fa/users"),
    "register": lambda: replace_file("/etc/nas2fa"),
    "machine id": lambda: read("/etc/machine-id"),
    "time zone": lambda: read("/etc/localtime"),
    "boot id": lambda: bytes.fromhex(os.environ["NAS2FA_BOOT_ID"]),
    "own addresses": lambda: [read(f"/run/net/{name}") for name in ("fib_trie", "route", "if_inet6", "ipv6_route")],
    "libraries": use_libraries,
    "nas2fa-smb": lambda: connect("/run/nas2fa/smb.sock", socket.SOCK_SEQPACKET),
    "nas2fa-courier": lambda: connect("/run/nas2fa/courier.sock", socket.SOCK_SEQPACKET),
    "a thread": run_thread,
}

SIGNIN: dict[str, Callable[[], object]] = {
    "shadow": lambda: read("/etc/shadow"),
    "unix_chkpwd": run_unix_chkpwd,
    "control socket": lambda: connect("/run/nas2fa/control.sock", socket.SOCK_SEQPACKET),
    "login socket": lambda: connect("/run/nas2fa/login.sock", socket.SOCK_SEQPACKET),
    "process of the caller": lambda: read("/proc/1/stat"),
    "sessions": lambda: read("/run/systemd/sessions"),
    "memory for a callback of C": lambda: ctypes.CFUNCTYPE(ctypes.c_int)(int),
}

SMB: dict[str, Callable[[], object]] = {
    "sessions": lambda: run_samba("smbstatus", "--json", "--processes", "--numeric"),
    "a message": ping_smbd,
    "since when a process of Samba runs": lambda: read("/run/samba/msg.lock"),
    "a pipe": os.pipe,
}

COURIER: dict[str, Callable[[], object]] = {
    "libraries": use_ntplib,
    "look a name up": lambda: socket.getaddrinfo("localhost", 123, type=socket.SOCK_DGRAM),
    "ask a server": send_question,
    "time services that are switched on": lambda: read("/etc/systemd/system"),
    "time services that run": lambda: read("/sys/fs/cgroup/system.slice"),
    "a thread": run_thread,
}

if __name__ == "__main__":
    report({"nas2fad": NAS2FAD, "signin": SIGNIN, "smb": SMB, "courier": COURIER}[sys.argv[1]])
