"""Which time services a box has: by the folders of systemd, as apt and systemctl leave them."""

from __future__ import annotations

from pathlib import Path

import pytest
from nas2fa.clock.words import TimeService
from nas2fa.courier.files import Files
from nas2fa.courier.services import services

VENDOR = "usr/lib/systemd/system"
ADMIN = "etc/systemd/system"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    for folder in (VENDOR, f"{ADMIN}/multi-user.target.wants", f"{ADMIN}/sysinit.target.wants", "sys/fs/cgroup"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def install(box: Path, unit: str) -> None:
    (box / VENDOR / unit).write_text("[Service]\n")


def link(box: Path, name: str, target: str) -> None:
    (box / ADMIN / name).symlink_to(target)


def run(box: Path, unit: str, hierarchy: str = "") -> None:
    group = box / "sys/fs/cgroup" / hierarchy / "system.slice" / unit
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text("812\n")


def found(box: Path) -> list[TimeService]:
    return list(services(Files(str(box))))


def test_a_box_without_any(box: Path) -> None:
    assert found(box) == []


def test_timesyncd_as_debian_enables_it(box: Path) -> None:
    install(box, "systemd-timesyncd.service")
    path = "/lib/systemd/system/systemd-timesyncd.service"
    link(box, "sysinit.target.wants/systemd-timesyncd.service", path)
    link(box, "dbus-org.freedesktop.timesync1.service", path)
    assert found(box) == [TimeService("systemd-timesyncd", True, False)]


def test_one_that_is_installed_and_off(box: Path) -> None:
    install(box, "chrony.service")
    assert found(box) == [TimeService("chrony", False, False)]


def test_the_second_names_of_ntpsec_are_no_other_service(box: Path) -> None:
    """ntpsec.service has the aliases ntp and ntpd, which are also what other packages call theirs."""
    install(box, "ntpsec.service")
    for name in ("ntp.service", "ntpd.service", "multi-user.target.wants/ntpsec.service"):
        link(box, name, "/lib/systemd/system/ntpsec.service")
    assert found(box) == [TimeService("ntpsec", True, False)]


def test_chrony_wanted_by_its_second_name(box: Path) -> None:
    install(box, "chrony.service")
    link(box, "chronyd.service", "/lib/systemd/system/chrony.service")
    link(box, "multi-user.target.wants/chronyd.service", "/lib/systemd/system/chrony.service")
    assert found(box) == [TimeService("chrony", True, False)]


def test_a_masked_one_is_off(box: Path) -> None:
    install(box, "chrony.service")
    link(box, "multi-user.target.wants/chrony.service", "/lib/systemd/system/chrony.service")
    link(box, "chrony.service", "/dev/null")
    assert found(box) == [TimeService("chrony", False, False)]


def test_the_links_of_a_removed_one_count_for_nothing(box: Path) -> None:
    link(box, "multi-user.target.wants/openntpd.service", "/lib/systemd/system/openntpd.service")
    assert found(box) == []


@pytest.mark.parametrize("hierarchy", ["", "unified", "systemd"])
def test_one_that_runs(box: Path, hierarchy: str) -> None:
    install(box, "openntpd.service")
    run(box, "openntpd.service", hierarchy)
    assert found(box) == [TimeService("openntpd", False, True)]


def test_an_empty_control_group_is_no_process(box: Path) -> None:
    install(box, "openntpd.service")
    run(box, "openntpd.service")
    (box / "sys/fs/cgroup/system.slice/openntpd.service/cgroup.procs").write_text("")
    assert found(box) == [TimeService("openntpd", False, False)]


def test_this_machine_is_read_without_a_fault() -> None:
    assert all(isinstance(service, TimeService) for service in services(Files()))
