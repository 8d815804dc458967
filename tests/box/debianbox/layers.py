"""Read-only layers above a root: a box is prepared once, and what it wrote becomes the ground of others.

So apt installs our packages once per suite and not once per test, and yet each test has a disk of its own.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .machine import Box
from .packages import debs
from .roots import CACHE, Recipe, box_recipe, forget_old, one_builder, root, say

KEPT = 24
"""Layers of one name that stay in the cache; each set of packages makes new ones of some 5 MB."""


def layer(
    name: str,
    lower: Sequence[Path],
    ingredients: bytes,
    prepare: Callable[[Box], None],
    *,
    binds: Sequence[str] = (),
) -> list[Path]:
    """The directories of a box that `prepare` was run in, topmost first; made once for each `ingredients`.

    `ingredients` is whatever decides the result beside `lower`: contents of packages, of the preparing code.
    """
    key = hashlib.sha256(b"\0".join([ingredients, *(str(path).encode() for path in lower)])).hexdigest()[:12]
    path = CACHE / "layers" / f"{name}-{key}"
    with one_builder(path):
        if not path.is_dir():
            _make(path, lower, prepare, binds)
            forget_old(path.parent, name, kept=KEPT)
    return [path / "upper", *lower]


def _make(path: Path, lower: Sequence[Path], prepare: Callable[[Box], None], binds: Sequence[str]) -> None:
    started = time.monotonic()
    partial = path.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with Box(lower, binds=binds, keep=partial) as box:
        prepare(box)
        box.power_off()
    partial.rename(path)
    say(f"prepared the layer {path.name} in {time.monotonic() - started:.1f} s")


def installed(suite: str, recipe: Recipe | None = None) -> list[Path]:
    """A Debian of `suite` (by default the small one) with our packages as apt has installed them."""
    packages = debs(suite)
    contents = hashlib.sha256(b"".join(path.read_bytes() for path in packages)).digest()
    binds = [f"{packages[0].parent}:/debs"]
    return layer(f"installed-{suite}", [root(recipe or box_recipe(suite))], contents, _install, binds=binds)


def _install(box: Box) -> None:
    box.run("DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends /debs/*.deb")
