"""What a machine finds behind its router: a network of the tests' own, with time servers in it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from debianbox import sntp
from debianbox.roots import clean_environment


class Outside:
    """A network namespace in which nothing but these addresses is reached. A context manager."""

    def __init__(self, addresses: Sequence[str]) -> None:
        add = " && ".join(f"ip address add {address}/32 dev lo" for address in addresses)
        # It is there as long as its one process, which ends with us.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-ec"]
        self._process = subprocess.Popen(
            [*command, f"ip link set lo up && {add}; echo ready; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment(),
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        self.enter = ["nsenter", f"--net=/proc/{self._process.pid}/ns/net"]
        """In front of a command that is to run there."""

    def __enter__(self) -> Outside:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    @contextmanager
    def time_servers(self, words: Mapping[str, str]) -> Iterator[None]:
        """Time servers at these addresses, as debianbox.sntp has their words."""
        program = ["/usr/bin/python3", "-I", str(Path(sntp.__file__).resolve())]
        told = [f"{address}={word}" for address, word in words.items()]
        with subprocess.Popen([*self.enter, *program, *told], stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                yield
            finally:
                process.terminate()
