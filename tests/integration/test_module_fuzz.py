"""The committed seeds of the relay loop's fuzzer, played once more to the sources as they are now."""

import subprocess

from pam_client import REPOSITORY

FUZZ = REPOSITORY / "tests" / "fuzz"


def test_module_survives_its_seeds() -> None:
    done = subprocess.run([FUZZ / "run", "seeds"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"files: {len(list((FUZZ / 'seeds').iterdir()))} " in done.stderr
