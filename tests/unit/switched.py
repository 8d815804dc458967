"""A folder that holds what a confirmed switch leaves on a box, as far as the commands read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from nas2fa.activation.edits import KeyOnly, Keys, drop_in
from nas2fa.activation.places import DROP_IN, ENFORCED, TOP
from nas2fa.activation.state import Facts


def switch_on(root: Path, keys: Keys, exempt: Sequence[KeyOnly] = ()) -> None:
    """The box below `root` is switched on, with these users exempt in sshd's drop-in."""
    folder = Path(f"{root}{TOP}/state.test")
    folder.mkdir(parents=True)
    told = Facts("root", 0.0, "boot", 0.0, 0.0, (), {"ssh_keys": str(keys), "decoy": False, "samba": False})
    (folder / "facts.json").write_text(json.dumps(asdict(told)))
    Path(f"{root}{ENFORCED}").symlink_to(folder.name)
    drop = Path(f"{root}{DROP_IN}")
    drop.parent.mkdir(parents=True)
    drop.write_text(drop_in(keys, exempt))
