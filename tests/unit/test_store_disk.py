"""Full, read-only and unmounted disks: real ones, each in a mount namespace of its own (see disk_cases.py)."""

import os
import subprocess
import sys
from pathlib import Path

import disk_cases
import pytest

UNIT = Path(__file__).parent


@pytest.mark.parametrize("case", [case.__name__ for case in disk_cases.CASES])
def test_disk(case: str, tmp_path: Path) -> None:
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    search = f"{UNIT.parents[1] / 'daemon'}:{UNIT}"
    done = subprocess.run(
        [*namespace, sys.executable, str(UNIT / "disk_cases.py"), case, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
