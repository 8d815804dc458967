"""Cases that need a disk of their own: run by test_store_disk.py as a child in its own mount namespace.

    unshare -m [-r] python3 disk_cases.py CASE FOLDER

Each case gets a private instance under FOLDER, whose lib and run are real tmpfs of 256 kB. Exit status 0: held.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from nas2fa import config
from nas2fa.errors import Reason, StoreError
from nas2fa.paths import Paths
from nas2fa.store.credentials import Credentials
from nas2fa.store.marks import Marks
from nas2fa.store.records import EMPTY_STATE, Instant
from nas2fa.store.state import State

sys.path.insert(0, os.path.dirname(__file__))
from accounts import ALICE

SIZE = "256k"
NOW = Instant(1_700_000_000.0, 1000.0)
LATER = Instant(1_700_000_060.0, 1060.0)
MACHINE, BOOT = "machine", "boot"


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


class Box:
    """A private instance on disks of its own, with alice enrolled."""

    def __init__(self, root: str) -> None:
        self.paths = Paths.under(root)
        for folder in (self.paths.lib, self.paths.run):
            os.makedirs(folder)
            mount("-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", folder)
        self.start()
        self.credentials.save(ALICE)

    def start(self, now: Instant = NOW) -> bool:
        """Start the daemon's store anew; True when its state is new."""
        self.marks = Marks(self.paths)
        self.credentials = Credentials(self.paths, self.marks)
        self.credentials.open()
        self.state = State(self.paths, self.marks)
        return self.state.open(now, MACHINE, BOOT)

    def accept(self, step: int) -> None:
        used = {**self.state.get(1000).used, "phone": step}
        self.state.put(1000, replace(self.state.get(1000), used=used))

    def used(self) -> int:
        return self.state.get(1000).used["phone"]


def fill(folder: str) -> None:
    """Take every byte that is left."""
    with open(f"{folder}/filler", "wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as error:
                assert "No space" in str(error)


def read_only(folder: str) -> None:
    mount("-o", "remount,bind,ro", folder)


def refused(reason: Reason, call: object, *args: object) -> None:
    try:
        call(*args)  # type: ignore[operator]
    except StoreError as error:
        assert error.reason is reason, error
        return
    raise AssertionError(f"not refused: {reason}")


def logins_go_on(box: Box) -> None:
    """What a login needs of the store, whatever became of the disk."""
    assert box.credentials.load(1000, "alice").armed
    box.accept(51)
    assert not box.start(LATER)
    assert box.used() == 51
    assert box.state.began == NOW.boot


def full_disk_login(box: Box) -> None:
    box.accept(50)
    fill(box.paths.lib)
    logins_go_on(box)


def full_disk_marks(box: Box) -> None:
    """The marks are overwritten in place: a full disk cannot refuse them, nor the owner's note."""
    fill(box.paths.lib)
    box.accept(50)
    for _ in range(3):
        assert box.state.flush(1000, box.state.get(1000), NOW)
    marked = box.marks.read(1000)
    assert marked is not None
    assert marked.state.used == {"phone": 50}
    assert box.state._note.write("somebody else")
    assert box.start(LATER)
    assert not box.start(LATER)


def full_disk_save(box: Box) -> None:
    fill(box.paths.lib)
    alice = box.credentials.load(1000, "alice")
    refused(Reason.WRITE_FAILED, box.credentials.save, replace(alice, user="alicia"))
    refused(Reason.WRITE_FAILED, box.credentials.save, replace(ALICE, uid=1001))
    assert box.credentials.load(1000, "alice") == alice
    assert not box.credentials.load(1001, "alice").armed
    assert sorted(os.listdir(box.paths.users)) == ["1000.json", "1000.json.bak", "1000.marks", "store-id"]
    os.unlink(f"{box.paths.lib}/filler")
    assert box.credentials.save(alice).version == 2


def full_etc_save(box: Box) -> None:
    """The list has no room: nobody is enrolled halfway."""
    mount("-t", "tmpfs", "-o", "size=64k,mode=0755", "tmpfs", box.paths.etc)
    Path(box.paths.etc, "store-id").write_bytes(Path(box.paths.users, "store-id").read_bytes())
    Path(box.paths.enrolled).write_text("1000\nend 1\n")
    os.chmod(box.paths.store_id_etc, 0o600)
    os.chmod(box.paths.enrolled, 0o644)
    fill(box.paths.etc)
    refused(Reason.WRITE_FAILED, box.credentials.save, replace(ALICE, uid=1001))
    assert not box.credentials.load(1001, "alice").armed
    assert not os.path.exists(f"{box.paths.users}/1001.json")


def full_disk_start(box: Box) -> None:
    fill(box.paths.lib)
    assert not box.start(LATER)
    assert box.credentials.health() is None
    Path(box.paths.config).write_text("deny = 3\n")
    os.chmod(box.paths.config, 0o644)
    assert config.load(box.paths)[0].deny == 3


def read_only_disk(box: Box) -> None:
    box.accept(50)
    read_only(box.paths.lib)
    assert not box.state.flush(1000, box.state.get(1000), NOW)
    assert 1000 in box.state.take_dirty()
    refused(Reason.WRITE_FAILED, box.credentials.save, box.credentials.load(1000, "alice"))
    logins_go_on(box)


def full_run(box: Box) -> None:
    """The marker goes, the login goes on; a start now is a new state, which counts every code of before as used."""
    box.accept(50)
    fill(box.paths.run)
    box.accept(51)
    assert box.used() == 51
    assert not os.path.exists(f"{box.paths.state}/complete")
    assert box.start(LATER)
    assert box.state.began == LATER.boot
    assert box.used() == 50


def full_run_heals(box: Box) -> None:
    box.accept(50)
    fill(box.paths.run)
    box.accept(51)
    os.unlink(f"{box.paths.run}/filler")
    box.state.put(1001, EMPTY_STATE)
    assert not box.start(LATER)
    assert box.used() == 51
    assert box.state.began == NOW.boot


def read_only_run(box: Box) -> None:
    """The marker cannot be taken away: the owner's note on disk says it instead."""
    box.accept(50)
    read_only(box.paths.run)
    box.accept(51)
    assert box.used() == 51
    assert os.path.exists(f"{box.paths.state}/complete")
    assert box.start(LATER)
    assert box.start(LATER)
    assert box.state.began == LATER.boot


def unmounted(box: Box) -> None:
    """An empty mount point is not "nobody is enrolled", nor is it filled; and nothing keeps the disk mounted."""
    box.accept(50)
    bystander = replace(ALICE, uid=1001, user="bob")
    assert not box.credentials.load(1001, "bob").armed
    box.state.get(1000)
    mounts = box.paths.lib
    subprocess.run(["umount", mounts], check=True)
    for uid, user in ((1000, "alice"), (1001, "bob")):
        refused(Reason.STORE_ABSENT, box.credentials.load, uid, user)
    refused(Reason.STORE_ABSENT, box.credentials.save, bystander)
    assert box.credentials.health() is Reason.STORE_ABSENT
    assert box.credentials.faults()[0][1] is Reason.STORE_ABSENT
    box.start(LATER)
    for uid, user in ((1000, "alice"), (1001, "bob")):
        refused(Reason.STORE_ABSENT, box.credentials.load, uid, user)


CASES = (
    full_disk_login,
    full_disk_marks,
    full_disk_save,
    full_etc_save,
    full_disk_start,
    read_only_disk,
    full_run,
    full_run_heals,
    read_only_run,
    unmounted,
)

if __name__ == "__main__":
    {case.__name__: case for case in CASES}[sys.argv[1]](Box(sys.argv[2]))
