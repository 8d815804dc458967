"""Whether the rescue by the kernel word is there, was tried, and is guarded: read from files alone."""

from pathlib import Path

import pytest
from nas2fa.activation import rescue
from nas2fa.activation.system import System

MACHINE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(str(tmp_path))


def put(system: System, name: str, text: str = "x\n") -> None:
    path = system.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def install(system: System) -> None:
    put(system, rescue.SCRIPT)
    put(system, f"/usr/lib/systemd/system/{rescue.UNIT}")
    put(system, f"/usr/lib/systemd/system/sysinit.target.wants/{rescue.UNIT}")


def test_in_place(system: System) -> None:
    assert not rescue.in_place(system)
    install(system)
    assert rescue.in_place(system)


def test_a_masked_unit_is_not_in_place(system: System) -> None:
    install(system)
    folder = system.path("/etc/systemd/system")
    folder.mkdir(parents=True)
    (folder / rescue.UNIT).symlink_to("/dev/null")
    assert not rescue.in_place(system)


def test_a_unit_that_nothing_wants_is_not_in_place(system: System) -> None:
    install(system)
    system.path(f"/usr/lib/systemd/system/sysinit.target.wants/{rescue.UNIT}").unlink()
    assert not rescue.in_place(system)


def test_tested_on_this_machine(system: System) -> None:
    assert rescue.tested(system) is None
    put(system, rescue.MARK, f"machine={MACHINE}\ndate=2026-11-24\nkernel=6.1\nway=login by root\n")
    assert rescue.tested(system) is None
    put(system, "/etc/machine-id", f"{MACHINE}\n")
    assert rescue.tested(system) == "2026-11-24"


@pytest.mark.parametrize("mark", ["", f"machine={MACHINE[::-1]}\ndate=2026-11-24\n", f"machine={MACHINE}\n", "=\n\n"])
def test_a_mark_of_elsewhere_or_cut_short_says_nothing(system: System, mark: str) -> None:
    put(system, "/etc/machine-id", f"{MACHINE}\n")
    put(system, rescue.MARK, mark)
    assert rescue.tested(system) is None


def test_an_empty_machine_id_matches_nothing(system: System) -> None:
    put(system, "/etc/machine-id", "\n")
    put(system, rescue.MARK, "machine=\ndate=2026-11-24\n")
    assert rescue.tested(system) is None


GRUB, LOADER = "/boot/grub/grub.cfg", "/boot/efi/loader/loader.conf"
GUARDED = 'set superusers="root"\npassword_pbkdf2 root grub.pbkdf2.sha512.10000.AB.CD\n'


@pytest.mark.parametrize(
    ("files", "guarded"),
    [
        ({}, None),
        ({GRUB: "menuentry 'Debian' {\n}\n"}, False),
        ({GRUB: GUARDED}, True),
        ({GRUB: "# set superusers=root\n"}, False),
        ({GRUB: "", "/boot/grub/custom.cfg": GUARDED}, True),
        ({LOADER: "timeout 3\n"}, False),
        ({LOADER: "timeout 3\neditor no\n"}, True),
        ({LOADER: "#editor no\n"}, False),
        ({LOADER: "editor yes\n"}, False),
        ({GRUB: GUARDED, LOADER: "timeout 3\n"}, False),
        ({GRUB: GUARDED, LOADER: "editor 0\n"}, True),
    ],
)
def test_boot_loader_guarded(system: System, files: dict[str, str], guarded: bool | None) -> None:
    for name, text in files.items():
        put(system, name, text)
    assert rescue.boot_loader_guarded(system) is guarded
