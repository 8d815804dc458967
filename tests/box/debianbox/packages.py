"""Our .debs, built by packaging/build in a clean Debian of each suite, without network."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path

from .machine import Box
from .roots import build_recipe, forget_old, one_builder, root, say

SOURCE = Path(__file__).resolve().parents[3]
BUILD = SOURCE / "build"

NEWER = "0.1.1~test"
"""What an upgrade upgrades to."""

KEPT = 3
"""Builds per suite that stay in build/debs."""

# What packaging/build takes its packages from. Tests and this library are left out: a changed test needs no
# new package.
_ROOMS = ("pam_nas2fa", "daemon", "packaging", "etc", "docs")


def debs(suite: str) -> list[Path]:
    """The packages of `suite`, built first if the sources changed since (about ten seconds).

    They lie in a folder named after the sources, which stays while other boxes are bound to it.
    """
    target = BUILD / "debs" / f"{suite}-{_fingerprint()[:12]}"
    with one_builder(target):
        if not target.is_dir():
            _build(suite, target)
            forget_old(target.parent, suite, kept=KEPT)
    return sorted(target.glob("*.deb"))


def _fingerprint() -> str:
    total = hashlib.sha256()
    for path in source_files():
        total.update(str(path.relative_to(SOURCE)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def source_files() -> list[Path]:
    """Every file that goes into the packages. Not asked of git: a release may be unpacked from a tarball."""
    inside = [path for room in _ROOMS for path in (SOURCE / room).rglob("*")]
    return sorted(
        path for path in [*inside, *SOURCE.iterdir()] if path.is_file() and not _is_made(path.relative_to(SOURCE))
    )


def _is_made(path: Path) -> bool:
    return bool({"__pycache__", "build", ".ruff_cache", ".mypy_cache"} & set(path.parts[:-1])) or path.suffix in (
        ".o",
        ".so",
    )


def _build(suite: str, target: Path) -> None:
    started = time.monotonic()
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    _build_in_a_box(suite, partial)
    if not list(partial.glob("*.deb")):
        raise AssertionError(f"packaging/build left no .deb for {suite}")
    partial.rename(target)
    say(f"built the packages for {suite} in {time.monotonic() - started:.0f} s: {target}")


def newer_debs(suite: str, target: Path) -> Path:
    """The same sources as the version NEWER, in the folder `target`."""
    _build_in_a_box(suite, target, "--version", NEWER)
    return target


def _build_in_a_box(suite: str, target: Path, *options: str) -> None:
    with Box([root(build_recipe(suite))]) as box:
        box.copy_in(SOURCE, [str(path.relative_to(SOURCE)) for path in source_files()], "/src")
        box.run(f"mkdir /out && cd /src && packaging/build {' '.join(options)} /out")
        box.copy_out("/out", target)


def lint(suite: str) -> str:
    """What that suite's lintian says of the packages; "" when they are clean."""
    packages = debs(suite)
    with Box([root(build_recipe(suite))], binds=[f"{packages[0].parent}:/debs"]) as box:
        done = box.run(
            "lintian --allow-root --tag-display-limit 0 --fail-on error,warning,info /debs/*.changes",
            check=False,
        )
    return done.stdout + done.stderr if done.returncode else ""
