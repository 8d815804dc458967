"""The packages are upgraded while people log in: no valid login is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from debianbox import logins
from debianbox.logins import PASSWORD, Person
from debianbox.machine import EVENT_LIMIT, Box
from debianbox.packages import NEWER, newer_debs

APT = "DEBIAN_FRONTEND=noninteractive apt-get --yes --no-install-recommends"
PEOPLE = 60
AT_ONCE = 4


@dataclass
class Login:
    """One login by ssh with password and code, and when it was, in seconds of the monotonic clock."""

    began: float
    entered: bool
    shown: str
    ended: float


def people(box: Box) -> list[Person]:
    """New users, each with a second step."""
    names = [f"person{number:02}" for number in range(PEOPLE)]
    box.run("for n in $(cat); do useradd --create-home --shell /bin/bash $n; done", stdin=" ".join(names))
    box.run(["chpasswd"], stdin="".join(f"{name}:{PASSWORD}\n" for name in names))
    return [logins.enrol(box, name) for name in names]


def test_no_valid_login_is_refused(suite: str, tmp_path: Path) -> None:
    folder = newer_debs(suite, tmp_path)
    with Box(logins.switched_layers(suite), binds=[f"{folder}:/newer"]) as box:
        waiting: Iterator[Person] = iter(people(box))
        daemon = box.run("systemctl show -P MainPID nas2fad").stdout
        lock, begun, upgraded, done = threading.Lock(), threading.Event(), threading.Event(), []

        def keep_logging_in() -> None:
            """One after the other, until two more each after the upgrade; StopIteration: it took too long."""
            more = 2
            while more:
                with lock:
                    person = next(waiting)
                more -= upgraded.is_set()
                began = time.monotonic()
                entered, shown = logins.ssh(box, person, person.phone.code())
                done.append(Login(began, entered, shown, time.monotonic()))
                begun.set()

        with ThreadPoolExecutor(AT_ONCE) as threads:
            running = [threads.submit(keep_logging_in) for _ in range(AT_ONCE)]
            assert begun.wait(EVENT_LIMIT)
            began = time.monotonic()
            box.run(f"{APT} install /newer/*.deb")
            ended = time.monotonic()
            upgraded.set()
            for one in running:
                one.result()

        assert NEWER in box.run("dpkg-query --show nas2fa libpam-nas2fa").stdout
        assert box.run("systemctl show -P MainPID nas2fad").stdout != daemon
        assert [login.shown for login in done if not login.entered] == []
        assert len([login for login in done if login.ended > began and login.began < ended]) > AT_ONCE
