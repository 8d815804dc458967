"""The built module: what it exports, that it loads, how it is hardened."""

import ctypes
import subprocess
from pathlib import Path

import pytest
from pam_client import BUILDS, PRODUCTION, REPOSITORY, SYSTEM_PATH

pytestmark = pytest.mark.usefixtures("pam_programs")

MODULE_SOURCES = REPOSITORY / "pam_nas2fa"
LINES_MAX = 490
"""How much C everybody has to read who trusts this module with every login."""


def output(*command: str) -> str:
    """What a tool of binutils prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True, env={"PATH": SYSTEM_PATH}).stdout


@pytest.mark.parametrize("build", BUILDS)
def test_exports_its_three_calls_and_nothing_else(build: str) -> None:
    symbols = output("nm", "-D", "--defined-only", str(BUILDS[build].module))
    assert {line.split()[-1] for line in symbols.splitlines()} == {
        "pam_sm_authenticate",
        "pam_sm_setcred",
        "pam_sm_acct_mgmt",
    }


def test_loads_with_every_symbol_resolved() -> None:
    """A missing symbol in a PAM module locks everybody out."""
    module = ctypes.CDLL(str(PRODUCTION.module), mode=0x2)  # RTLD_NOW, as libpam does
    assert module.pam_sm_authenticate


def test_needs_libpam_and_libc_only() -> None:
    dynamic = output("readelf", "-d", str(PRODUCTION.module))
    needed = {line.split("[")[1].rstrip("]") for line in dynamic.splitlines() if "(NEEDED)" in line}
    assert {name.split(".so")[0] for name in needed} == {"libpam", "libc"}


def test_is_hardened() -> None:
    dynamic = output("readelf", "-d", str(PRODUCTION.module))
    assert "BIND_NOW" in dynamic
    assert "TEXTREL" not in dynamic
    assert "GNU_RELRO" in output("readelf", "-lW", str(PRODUCTION.module))
    assert "__stack_chk_fail" in output("nm", "-D", str(PRODUCTION.module))
    assert "_chk" in output("nm", "-D", str(PRODUCTION.module))


def test_has_no_writable_static_state() -> None:
    """A module is loaded into programs with threads, and more than once."""
    symbols = [line.split() for line in output("objdump", "-t", str(PRODUCTION.module)).splitlines()]
    writable = {fields[-1] for fields in symbols if {".data", ".bss"} & set(fields[:-1]) and "O" in fields}
    assert writable <= {"__dso_handle", "__TMC_END__", "completed.0"}  # the compiler's own


def test_stays_small() -> None:
    files = [*MODULE_SOURCES.glob("*.c"), *MODULE_SOURCES.glob("*.h")]
    assert sum(len(path.read_text().splitlines()) for path in files) < LINES_MAX


def test_install_honours_destdir_and_pamdir(tmp_path: Path) -> None:
    command = ["make", "-s", "-C", str(MODULE_SOURCES), f"BUILD={PRODUCTION.module.parent}", f"DESTDIR={tmp_path}"]
    subprocess.run([*command, "pamdir=/usr/lib/security", "install"], check=True, env={"PATH": SYSTEM_PATH})
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*.so")] == [Path("usr/lib/security/pam_nas2fa.so")]
