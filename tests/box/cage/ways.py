"""What a captured process would try, run from inside a unit's own sandbox by the system's Python.

A way returns when it is open and raises OSError when it is shut. Nothing here does harm, since all of them also run in
a root service without a cage, to prove that each is a way.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from cage.calls import LIBC, Timex, by_number, checked, connect, in_child, read, read_clock, report

VICTIM = int(os.environ.get("VICTIM", "0"))  # the process of cage_victim.py
TERMINAL = os.environ.get("TERMINAL", "")  # its terminal
OWN = os.environ.get("OWN", "")  # a directory that the cage lets this one write to

PTRACE_ATTACH, PTRACE_DETACH = 16, 17
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x20000
MS_BIND = 4096
KEY_SPEC_SESSION_KEYRING = -3
ADJ_TICK = 0x4000


class Area(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("start", ctypes.c_size_t), ("length", ctypes.c_size_t))


def write(path: str) -> None:
    """Make a file, or open it for writing where it is there."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def execute(*command: str) -> None:
    """Run a program, one that succeeds when it runs at all."""
    in_child(lambda: os.execv(command[0], command))


def execute_copy() -> None:
    """Run a program that this process wrote itself."""
    copy = shutil.copy(sys.executable, f"{OWN}/program")
    os.chmod(copy, 0o700)
    execute(copy, "-IS", "-c", "")


def execute_memory() -> None:
    """Run a program that is in no file system."""
    descriptor = os.memfd_create("program")
    os.write(descriptor, Path(sys.executable).read_bytes())
    execute(f"/proc/self/fd/{descriptor}", "-IS", "-c", "")


def map_own_library() -> None:
    """Load code from a file that this process wrote itself."""
    write(f"{OWN}/library.so")
    with open(f"{OWN}/library.so", "r+b") as file:
        file.truncate(4096)
        mmap.mmap(file.fileno(), 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC).close()


def map_table() -> None:
    """Load code from a file that this process and Samba write."""
    with open("/run/samba/names.tdb", "r+b") as file:
        mmap.mmap(file.fileno(), 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC).close()


def make_executable() -> None:
    """Write code to memory, then make it executable."""
    LIBC.mmap.restype = ctypes.c_void_p
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    page = LIBC.mmap(None, ctypes.c_size_t(4096), mmap.PROT_READ | mmap.PROT_WRITE, private, -1, ctypes.c_long(0))
    checked(LIBC.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(4096), mmap.PROT_READ | mmap.PROT_EXEC))


def open_door() -> None:
    """Listen for whoever comes by the network."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.bind(("127.0.0.1", 0))
        door.listen()


def set_uid_file() -> None:
    """A program for others to become root with."""
    write(f"{OWN}/setuid")
    os.chmod(f"{OWN}/setuid", 0o4755)


def trace() -> None:
    """ptrace(2) another root process."""
    checked(LIBC.ptrace(PTRACE_ATTACH, VICTIM, None, None))
    os.waitpid(VICTIM, 0)
    checked(LIBC.ptrace(PTRACE_DETACH, VICTIM, None, None))


def read_memory() -> None:
    """process_vm_readv(2) of a root process; EFAULT for a wild address comes only after the permission was given."""
    local, remote = Area(ctypes.addressof(ctypes.create_string_buffer(8)), 8), Area(8, 8)
    try:
        checked(LIBC.process_vm_readv(VICTIM, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0))
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise


def limit() -> None:
    """Give another root process limits: RLIMIT_CPU 0 would end it."""
    resource.prlimit(VICTIM, resource.RLIMIT_CORE, (0, 0))


def dump_core() -> None:
    """Raise the limit of a core dump, or find that there is none."""
    resource.setrlimit(resource.RLIMIT_CORE, (4096, 4096))


def move_clock() -> None:
    """adjtimex(2) that would change the clock, to the tick it has."""
    checked(LIBC.adjtimex(ctypes.byref(Timex(modes=ADJ_TICK, rest=read_clock().rest))))


WAYS: dict[str, Callable[[], object]] = {
    # other programs, and the sockets that make root's programs act
    "D-Bus": lambda: connect("/run/dbus/system_bus_socket"),
    "systemd's own socket": lambda: connect("/run/systemd/private"),
    "run systemd-run": lambda: execute("/usr/bin/systemd-run", "--version"),
    "run a shell": lambda: execute("/bin/sh", "-c", ":"),
    "run su": lambda: execute("/usr/bin/su", "--version"),
    "run a copied program": execute_copy,
    "run a program in memory": execute_memory,
    "load an own library": map_own_library,
    "load a table as a library": map_table,
    "writable and executable memory": lambda: mmap.mmap(
        -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    ),
    "written memory made executable": make_executable,
    # other processes
    "kill": lambda: os.kill(VICTIM, 0),
    "signal by pidfd": lambda: signal.pidfd_send_signal(os.pidfd_open(VICTIM), 0),
    "ptrace": trace,
    "process_vm_readv": read_memory,
    "memory of a process": lambda: os.close(os.open(f"/proc/{VICTIM}/mem", os.O_RDWR)),
    "environment of a process": lambda: read(f"/proc/{VICTIM}/environ"),
    "root directory of a process": lambda: read(f"/proc/{VICTIM}/root/etc/shadow"),
    "prlimit": limit,
    "priority of a process": lambda: os.setpriority(os.PRIO_PROCESS, VICTIM, 5),
    # secrets of others
    "read shadow": lambda: read("/etc/shadow"),
    "read ssh host keys": lambda: read("/etc/ssh/ssh_host_ed25519_key"),
    "read TLS keys": lambda: read("/etc/ssl/private/box.key"),
    "read Samba's secrets": lambda: read("/var/lib/samba/private/secrets.tdb"),
    "read credentials": lambda: read("/var/lib/nas2fa/users"),
    "read state": lambda: read("/run/nas2fa/state"),
    "read backups of shadow": lambda: read("/var/backups/shadow.bak"),
    "read root's files": lambda: read("/root/secret"),
    "read users' files": lambda: read("/home/alice/secret"),
    "read shares": lambda: read("/srv/share"),
    # others that do as root's processes say
    "ask nas2fad": lambda: connect("/run/nas2fa/control.sock", socket.SOCK_SEQPACKET),
    "ask nas2fa-smb": lambda: connect("/run/nas2fa/smb.sock", socket.SOCK_SEQPACKET),
    "ask nas2fa-courier": lambda: connect("/run/nas2fa/courier.sock", socket.SOCK_SEQPACKET),
    "a word to smbd": lambda: connect(
        f"/run/samba/msg.sock/{Path('/run/samba/smbd.pid').read_text().strip()}", socket.SOCK_DGRAM
    ),
    "Samba's sockets for its own": lambda: read("/run/samba/ncalrpc"),
    "Samba's settings": lambda: write("/etc/samba/smb.conf"),
    "Samba's registry": lambda: write("/var/lib/samba/registry.tdb"),
    # places to leave something
    "write /run": lambda: write("/run/probe"),
    "write /run/systemd": lambda: write("/run/systemd/system/probe.service"),
    "write /usr": lambda: write("/usr/probe"),
    "write Python modules": lambda: write("/usr/lib/python3/dist-packages/probe.py"),
    "write libraries": lambda: write(f"/usr/lib/{sys.implementation._multiarch}/probe.so"),
    "write programs": lambda: write("/usr/bin/probe"),
    "write /etc": lambda: write("/etc/probe"),
    "write PAM stacks": lambda: write("/etc/pam.d/sshd"),
    "write cron jobs": lambda: write("/etc/cron.d/probe"),
    "write /var": lambda: write("/var/lib/probe"),
    "write /tmp": lambda: write("/tmp/probe"),
    "write /var/tmp": lambda: write("/var/tmp/probe"),
    "write shared memory": lambda: write("/dev/shm/probe"),
    "write control groups": lambda: write("/sys/fs/cgroup/cgroup.procs"),
    "write a terminal": lambda: os.close(os.open(TERMINAL, os.O_WRONLY | os.O_NOCTTY)),
    "make a setuid file": set_uid_file,
    "make a device": lambda: os.mknod(f"{OWN}/device{os.getpid()}", 0o600 | stat.S_IFCHR, os.makedev(1, 1)),
    # network
    "IPv4": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
    "IPv6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close(),
    "a door of its own": open_door,
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "raw packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "abstract socket of the box": lambda: connect("\0nas2fa-probe"),
    # kernel
    "mount": lambda: in_child(lambda: checked(LIBC.unshare(CLONE_NEWNS)) or checked(LIBC.umount2(b"/proc/sys", 2))),
    "bind mount": lambda: in_child(lambda: checked(LIBC.mount(b"/usr", b"/usr", None, MS_BIND, None))),
    "user namespace": lambda: in_child(lambda: checked(LIBC.unshare(CLONE_NEWUSER))),
    "namespaces of a process": lambda: in_child(
        lambda: checked(LIBC.setns(os.open(f"/proc/{VICTIM}/ns/mnt", os.O_RDONLY), CLONE_NEWNS))
    ),
    "chroot": lambda: in_child(lambda: os.chroot("/")),
    "another uid": lambda: in_child(lambda: os.setuid(1)),
    "add_key": lambda: by_number("add_key", b"user", b"probe", b"x", 1, KEY_SPEC_SESSION_KEYRING),
    "keyctl": lambda: by_number("keyctl", 0, KEY_SPEC_SESSION_KEYRING, 1),
    "userfaultfd": lambda: by_number("userfaultfd", 0),
    "core dump": dump_core,
    "load a module": lambda: checked(LIBC.init_module(None, 0, b"")),
    "bpf": lambda: by_number("bpf", 0, None, 0),
    "set the clock": move_clock,
    "swap": lambda: checked(LIBC.swapon(b"/dev/null", 0)),
    "host name": lambda: socket.sethostname(socket.gethostname()),
    "kernel settings": lambda: write("/proc/sys/kernel/core_pattern"),
    "kernel log": lambda: checked(LIBC.klogctl(10, None, 0)),
}

if __name__ == "__main__":
    report(WAYS)
