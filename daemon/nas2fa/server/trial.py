"""The note that switching on leaves while it waits to be confirmed: read at each prompt, believed only of root."""

from __future__ import annotations

import json
import os
from typing import Final

from nas2fa.errors import StoreError
from nas2fa.store import files

TRIAL_MAX: Final = 16 * 1024  # bytes


def seconds_left(path: str, uid: int, boot: float) -> float:
    """Seconds until the second step switches itself off, for a uid that the note names; 0 without a note.

    A note that cannot be read costs a line at the prompt, never a login.
    """
    folder, name = os.path.split(path)
    if not os.path.lexists(path):
        return 0.0
    try:
        with files.directory(folder) as fd:
            found = json.loads(files.read_file(fd, name, TRIAL_MAX, files.UNWRITABLE) or b"")
        return max(0.0, float(found["until"]) - boot) if uid in found["uids"] else 0.0
    except (StoreError, ValueError, TypeError, KeyError, RecursionError):
        return 0.0
