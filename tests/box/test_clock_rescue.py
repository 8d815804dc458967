"""A clock that a container has from its host: read by nas2fad in its cage, found wrong by two codes, and not set."""

from __future__ import annotations

import json
import re
import time

from debianbox import logins
from debianbox.machine import Box

CAP_SYS_TIME = 25  # capabilities(7)
OF_THE_BOX = "systemd-run --quiet --wait --pipe"
"""In front of a command: the box's own PID 1 starts it. What the tests start otherwise has the host's capabilities."""


def course() -> float:
    """The wall clock by the one that nobody sets: the same until somebody sets it."""
    return time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_BOOTTIME)


def test_the_kernels_word_is_read_in_the_cage(bare_box: Box) -> None:
    clock = json.loads(bare_box.run("nas2fa health --json", check=False).stdout)["clock"]
    assert clock["synchronised"] in (True, False)


def test_a_container_finds_the_time_and_leaves_the_clock_to_its_host(bare_box: Box) -> None:
    status = bare_box.run(f"{OF_THE_BOX} cat /proc/self/status").stdout
    bounding = re.search(r"^CapBnd:\s*([0-9a-f]+)$", status, re.MULTILINE)
    assert bounding is not None
    assert not int(bounding[1], 16) >> CAP_SYS_TIME & 1  # or this test would set the clock of the machine it runs on

    before = course()
    alice = logins.add_admin(bare_box, "alice")
    step = (int(time.time()) + 7200) // 30
    typed = [alice.phone.at(s) for s in (step, step, step + 1)]  # the second time too early: it is asked again
    done = bare_box.run(f"{OF_THE_BOX} nas2fa rescue-clock", stdin="\n".join([*typed, "yes", ""]), check=False)
    shown = done.stdout + done.stderr
    assert done.returncode == 1, shown
    assert "That is the same code" in shown
    assert re.search(r"The box is behind by (1 h 59|2 h 0) min", shown), shown
    assert "A container has that of its host" in shown
    assert abs(course() - before) < 1.0
    assert bare_box.journal("NAS2FA_EVENT=CLOCK_RESCUED") == []
    assert logins.failures(bare_box, "alice") == 0
