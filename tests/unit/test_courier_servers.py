"""Which servers the configurations of time services name: each as its own manual page has it, and any text at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.clock.words import TimeService
from nas2fa.courier.choice import NAMES_MAX, chosen
from nas2fa.courier.files import SIZE_MAX, Files
from nas2fa.courier.servers import DEBIAN_FALLBACK, POOL, READERS, Server


class Texts(dict[str, str]):
    """The files of a box."""

    def text(self, path: str) -> str:
        return self.get(path, "")

    def names(self, folder: str) -> list[str]:
        inside = [path.removeprefix(f"{folder}/") for path in self if path.startswith(f"{folder}/")]
        return sorted({path.partition("/")[0] for path in inside})


def names(service: str, files: dict[str, str]) -> list[str]:
    return [server.name for server in READERS[service](Texts(files))]


TIMESYNCD = "/etc/systemd/timesyncd.conf"
DROPINS = "timesyncd.conf.d"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, list(DEBIAN_FALLBACK)),
        ({TIMESYNCD: "[Time]\n#NTP=\n#FallbackNTP=no.example\n"}, list(DEBIAN_FALLBACK)),
        ({TIMESYNCD: "[Time]\nNTP=a.example b.example\n"}, ["a.example", "b.example"]),
        ({TIMESYNCD: "[Time]\nNTP = a.example\nNTP=b.example\n"}, ["a.example", "b.example"]),
        ({TIMESYNCD: "[Time]\nNTP=a.example\nNTP=\nNTP=b.example\n"}, ["b.example"]),
        ({TIMESYNCD: "[Time]\nNTP=a.example \\\n b.example\n"}, ["a.example", "b.example"]),
        ({TIMESYNCD: "[Time]\n; NTP=a.example\nFallbackNTP=f.example\n"}, ["f.example"]),
        ({TIMESYNCD: "[Time]\nFallbackNTP=\n"}, []),
        ({TIMESYNCD: "[Time]\nFallbackNTP=f.example\nFallbackNTP=g.example\n"}, ["f.example", "g.example"]),
        ({TIMESYNCD: "NTP=before.example\n[Other]\nNTP=other.example\n[Time]\nNTP=a.example\n"}, ["a.example"]),
        (
            {TIMESYNCD: "[Time]\nNTP=a.example\n", f"/run/systemd/{DROPINS}/01.conf": "[Time]\nNTP=192.0.2.1\n"},
            ["a.example", "192.0.2.1"],
        ),
        (
            {
                f"/usr/lib/systemd/{DROPINS}/50.conf": "[Time]\nNTP=vendor.example\n",
                f"/etc/systemd/{DROPINS}/50.conf": "[Time]\nNTP=admin.example\n",
                f"/etc/systemd/{DROPINS}/40.conf": "[Time]\nNTP=first.example\n",
                f"/etc/systemd/{DROPINS}/60.conf.bak": "[Time]\nNTP=backup.example\n",
            },
            ["first.example", "admin.example"],
        ),
        ({"/usr/lib/systemd/timesyncd.conf": "[Time]\nNTP=vendor.example\n"}, ["vendor.example"]),
        ({"/run/systemd/netif/state": "OPER_STATE=routable\nNTP=192.0.2.7 192.0.2.8\n"}, ["192.0.2.7", "192.0.2.8"]),
    ],
)
def test_timesyncd(files: dict[str, str], expected: list[str]) -> None:
    assert names("systemd-timesyncd", files) == expected


CHRONY = "/etc/chrony/chrony.conf"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, []),
        ({CHRONY: "pool 2.debian.pool.ntp.org iburst\nserver a.example\npeer b.example"}, None),
        ({CHRONY: " Server a.example iburst minpoll 6\n"}, ["a.example"]),
        ({CHRONY: "# server a\n! server b\n; server c\n% server d\nserver\nserver # e\n"}, ["#"]),
        (
            {
                CHRONY: "confdir /etc/chrony/conf.d\nsourcedir /run/chrony-dhcp /etc/chrony/sources.d\n",
                "/etc/chrony/conf.d/a.conf": "server conf.example",
                "/etc/chrony/conf.d/README": "server readme.example",
                "/run/chrony-dhcp/eth0.sources": "server dhcp.example iburst",
                "/etc/chrony/sources.d/eth0.sources": "server shadowed.example",
                "/etc/chrony/sources.d/b.sources": "pool b.example",
            },
            ["conf.example", "b.example", "dhcp.example"],
        ),
        (
            {
                CHRONY: "include /etc/chrony/more*.conf\n",
                "/etc/chrony/more1.conf": "server one.example\ninclude /etc/chrony/more1.conf\n",
                "/etc/chrony/other.conf": "server other.example\n",
            },
            ["one.example"],
        ),
        ({CHRONY: "include\nconfdir\nsourcedir\npool\n"}, []),
    ],
)
def test_chrony(files: dict[str, str], expected: list[str] | None) -> None:
    expected = ["2.debian.pool.ntp.org", "a.example", "b.example"] if expected is None else expected
    assert names("chrony", files) == expected


NTPSEC = "/etc/ntpsec/ntp.conf"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({NTPSEC: "server -4 a.example # mine\npool b.example\nrestrict c.example\n"}, ["a.example", "b.example"]),
        ({NTPSEC: "server 127.127.1.0\nserver 127.127.20.0 mode 1\nserver a.example"}, ["a.example"]),
        (
            {NTPSEC: "includefile more.conf\nincludefile ntp.d\n", "/etc/ntpsec/more.conf": "server more.example\n",
             "/etc/ntpsec/ntp.d/b.conf": "server b.example", "/etc/ntpsec/ntp.d/a.conf": "server a.example",
             "/etc/ntpsec/ntp.d/c": "server c.example"},
            ["more.example", "a.example", "b.example"],
        ),
        ({NTPSEC: "server a.example", "/run/ntpsec/ntp.conf.dhcp": "server dhcp.example"}, ["dhcp.example"]),
    ],
)  # fmt: skip
def test_ntpsec(files: dict[str, str], expected: list[str]) -> None:
    assert names("ntpsec", files) == expected


def test_the_classic_ones() -> None:
    assert names("ntp", {"/etc/ntp.conf": "server a.example prefer\n"}) == ["a.example"]
    openntpd = {"/etc/openntpd/ntpd.conf": '# x\nlisten on *\nserver "a.example" weight 2\nservers pool.example\n'}
    assert names("openntpd", openntpd) == ["a.example", "pool.example"]


def test_a_pool_is_many_servers_and_a_server_is_one() -> None:
    assert list(READERS["chrony"](Texts({CHRONY: "pool p.example\nserver s.example"}))) == [
        Server("p.example", POOL),
        Server("s.example", 1),
    ]


WORDS = st.sampled_from(
    ["server", "pool", "peer", "include", "confdir", "sourcedir", "includefile", "servers", "[Time]", "NTP=", "a.b",
     "FallbackNTP=", "/etc/chrony/*.conf", "/etc/chrony", "\n", "\r\n", "\x00", "\\\n", "#", '"', "é" * 300, ".."]
)  # fmt: skip
PATHS = [CHRONY, TIMESYNCD, NTPSEC, "/etc/chrony/a.conf", "/etc/ntp.conf", "/etc/openntpd/ntpd.conf"]


@given(st.dictionaries(st.sampled_from(PATHS), st.lists(WORDS).map(" ".join) | st.text()))
def test_any_text_gives_names_that_can_be_sent(files: dict[str, str]) -> None:
    for service in READERS:
        for name in names(service, files):
            assert 0 < len(name) <= 253
            assert name.isprintable()


# --- whose servers


def service(name: str, enabled: bool = False, running: bool = False) -> TimeService:
    return TimeService(name, enabled, running)


BOTH = Texts({CHRONY: "server c.example", TIMESYNCD: "[Time]\nNTP=t.example"})


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ([service("systemd-timesyncd", enabled=True), service("chrony", running=True)], ("chrony", ["c.example"])),
        ([service("systemd-timesyncd", enabled=True), service("chrony")], ("systemd-timesyncd", ["t.example"])),
        ([service("systemd-timesyncd"), service("chrony")], ("chrony", ["c.example"])),
        ([], ("chrony", ["c.example"])),
        ([service("ntpsec", running=True), service("chrony", enabled=True)], ("", [])),  # it runs without a server
    ],
)
def test_whose_servers_are_asked(services: list[TimeService], expected: tuple[str, list[str]]) -> None:
    source, servers = chosen(BOTH, services, [])
    assert (source, [server.name for server in servers]) == expected


def test_ours_come_before_all() -> None:
    assert chosen(BOTH, [service("chrony", running=True)], ["a.example"]) == ("nas2fa.toml", [Server("a.example")])


def test_debians_fallback_is_only_asked_where_timesyncd_is_installed() -> None:
    assert chosen(Texts(), [], []) == ("", [])
    source, servers = chosen(Texts(), [service("systemd-timesyncd")], [])
    assert (source, len(servers)) == ("systemd-timesyncd", 4)


def test_so_many_are_asked_and_each_once() -> None:
    many = Texts({CHRONY: "\n".join(f"server {number % 20}.example" for number in range(100))})
    _, servers = chosen(many, [service("chrony", running=True)], [])
    assert [server.name for server in servers] == [f"{number}.example" for number in range(NAMES_MAX)]


# --- the files themselves


def test_what_is_no_plain_file_is_empty(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "large").write_text("x" * (SIZE_MAX + 1))
    (tmp_path / "bytes").write_bytes(b"\xff server")
    assert [files.text(path) for path in ("/none", "/folder", "/device", "/nu\0l")] == [""] * 4
    assert len(files.text("/large")) == SIZE_MAX
    assert files.text("/bytes").endswith(" server")
    assert not files.is_current("/none")
    assert files.is_current("/large")
    assert files.names("/none") == files.names("/large") == []
