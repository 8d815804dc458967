"""Codes against the RFCs' own tables and against another implementation (oathtool)."""

import json
import os
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from nas2fa.factors import totp
from nas2fa.store.records import Authenticator, Instant, Secret

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "otp.json").read_text())


def at(wall: float) -> Instant:
    return Instant(wall, 1000.0)


@pytest.mark.parametrize("row", VECTORS["rfc4226"])
def test_rfc4226_appendix_d(row: dict) -> None:
    secret = Secret(VECTORS["rfc4226_secret"].encode())
    assert totp.code_at(Authenticator(secret), row["counter"]) == row["code"]


@pytest.mark.parametrize("row", VECTORS["rfc6238"])
def test_rfc6238_appendix_b(row: dict) -> None:
    secret = Secret(VECTORS["rfc6238_secrets"][row["algorithm"]].encode())
    authenticator = Authenticator(secret, row["algorithm"], digits=8)
    assert totp.code_at(authenticator, totp.step_at(authenticator, at(row["time"]))) == row["code"]


def oathtool_codes(secret: bytes, algorithm: str, digits: int, first: int, count: int) -> list[str]:
    command = ["oathtool", f"--totp={algorithm.lower()}", f"--digits={digits}", f"--now=@{first * 30}"]
    run = subprocess.run(
        [*command, f"--window={count - 1}", "-"], input=secret.hex() + "\n", capture_output=True, text=True, check=True
    )
    return run.stdout.split()


def test_100_000_random_codes_agree_with_oathtool() -> None:
    """1,000 random (secret, algorithm, digits, time), 100 successive steps each."""
    dice = random.Random(6238)
    cases = [
        (
            dice.randbytes(dice.randint(10, 64)),
            dice.choice(["SHA1", "SHA256", "SHA512"]),
            dice.choice([6, 8]),
            dice.randrange(0, 2**31 // 30 - 100),
        )
        for _ in range(1000)
    ]
    with ThreadPoolExecutor(4) as pool:
        expected = list(pool.map(lambda case: oathtool_codes(*case, 100), cases))
    for (secret, algorithm, digits, first), codes in zip(cases, expected, strict=True):
        authenticator = Authenticator(Secret(secret), algorithm, digits)
        assert [totp.code_at(authenticator, first + i) for i in range(100)] == codes


@pytest.mark.parametrize("offset", range(-12, 13))
def test_find_tells_how_far_off_a_code_is_within_reach_only(offset: int) -> None:
    authenticator = Authenticator(Secret(b"0123456789abcdefghij"), digits=8)
    now = at(1_790_000_000)
    step = totp.step_at(authenticator, now) + offset
    match = totp.find(authenticator, totp.code_at(authenticator, step), now)
    assert match == (totp.Match(step, offset) if abs(offset) <= totp.REACH else None)


def test_find_before_1970_and_at_its_first_step() -> None:
    authenticator = Authenticator(Secret(b"0123456789abcdefghij"))
    assert totp.find(authenticator, "123456", at(-10_000)) is None
    assert totp.find(authenticator, totp.code_at(authenticator, 0), at(0.0)) == totp.Match(0, 0)


@pytest.fixture
def local_time():
    before = os.environ.get("TZ")
    yield lambda name: (os.environ.__setitem__("TZ", name), time.tzset())
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York"])
@pytest.mark.parametrize("season", ["spring", "autumn"])
def test_every_right_code_is_accepted_when_summer_time_begins_and_ends(zone: str, season: str, local_time) -> None:
    """Where pyotp 2.9's own verify() refuses an hour of right codes; ours never asks the local time."""
    local_time(zone)
    authenticator = Authenticator(Secret(b"0123456789abcdefghij"))
    change = _change_of(zone, 2026, season)
    for wall in range(change - 7200, change + 7200, 30):
        code = totp.code_at(authenticator, wall // 30)
        found = totp.find(authenticator, code, at(wall + 0.5))
        assert found is not None
        assert found.offset == 0


def _change_of(zone: str, year: int, season: str) -> int:
    """The unix second at which the zone's offset changes, by looking."""
    months = range(2, 6) if season == "spring" else range(9, 12)
    first = int(datetime(year, months[0], 1, tzinfo=UTC).timestamp())
    last = int(datetime(year, months[-1], 28, tzinfo=UTC).timestamp())

    def offset(t: int) -> object:
        return datetime.fromtimestamp(t, ZoneInfo(zone)).utcoffset()

    return next(t for t in range(first, last, 1800) if offset(t) != offset(t - 1800))
