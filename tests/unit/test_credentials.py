"""Credentials: what is certain, what is not, and what is written in which order."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from accounts import ALICE
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.errors import Reason, StoreError
from nas2fa.paths import Paths
from nas2fa.store import codec
from nas2fa.store.credentials import Credentials
from nas2fa.store.marks import SIZE, Marks
from nas2fa.store.records import COUNTER_MAX, Authenticator, Credential, Invite, RecoverySet, Secret

NOBODY = Credential(1001, "bob")


def reason(call: Callable[..., object], *args: object) -> Reason:
    with pytest.raises(StoreError) as error:
        call(*args)
    return error.value.reason


def test_fresh_box(credentials: Credentials, paths: Paths) -> None:
    assert credentials.health() is None
    assert credentials.faults() == []
    assert credentials.names() == []
    assert credentials.load(1001, "bob") == NOBODY
    assert stat.S_IMODE(os.stat(paths.users).st_mode) == 0o700
    assert Path(paths.store_id_etc).read_bytes() == Path(paths.users, "store-id").read_bytes()


def test_open_makes_the_folders(tmp_path: Path) -> None:
    store = Credentials(Paths.under(str(tmp_path / "new")))
    store.open()
    assert store.health() is None
    assert stat.S_IMODE((tmp_path / "new/lib/users").stat().st_mode) == 0o700


def test_save_and_load(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    assert alice == replace(ALICE, version=1)
    assert credentials.load(1000, "alice") == credentials.load(1000, None) == alice
    assert credentials.names() == [(1000, "alice")]
    assert Path(paths.enrolled).read_text() == "1000\nend 1\n"
    for name in ("1000.json", "1000.json.bak", "1000.marks"):
        assert stat.S_IMODE(os.stat(f"{paths.users}/{name}").st_mode) == 0o600


def test_the_copy_is_the_version_before(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    credentials.save(replace(alice, enrolled=5))
    copy = codec.decode(Path(paths.users, "1000.json.bak").read_bytes(), "copy")
    assert copy == alice


@pytest.mark.parametrize("version", [0, 2])
def test_stale(credentials: Credentials, alice: Credential, version: int) -> None:
    assert reason(credentials.save, replace(alice, version=version, user="mallory")) is Reason.STALE
    assert credentials.load(1000, "alice") == alice


def test_stale_when_removed_meanwhile(credentials: Credentials, alice: Credential) -> None:
    credentials.remove(1000)
    assert reason(credentials.save, alice) is Reason.STALE


@pytest.mark.parametrize("user", ["bob", "Alice", "alice\n", ""])
def test_another_name(credentials: Credentials, alice: Credential, user: str) -> None:
    assert reason(credentials.load, alice.uid, user) is Reason.RECORD_MISMATCH


def test_record_of_another_uid(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    os.rename(f"{paths.users}/1000.json", f"{paths.users}/1001.json")
    assert reason(credentials.load, 1001, "alice") is Reason.RECORD_MISMATCH
    assert reason(credentials.load, alice.uid, "alice") is Reason.RECORD_MISSING


def test_invite_alone_is_not_enrolled(credentials: Credentials, paths: Paths) -> None:
    invited = credentials.save(replace(NOBODY, invite=Invite(b"s", b"h" * 32, 5)))
    assert credentials.load(1001, "bob") == invited
    assert not invited.armed
    assert Path(paths.enrolled).read_text() == "end 0\n"
    assert not os.path.exists(f"{paths.users}/1001.marks")


def test_unarmed_record_of_somebody_enrolled_is_an_older_copy(credentials: Credentials, paths: Paths) -> None:
    """A rolled-back folder holds the record of before the first good code: not "no second step"."""
    invited = credentials.save(replace(NOBODY, invite=Invite(b"s", b"h" * 32, 5)))
    older = Path(paths.users, "1001.json").read_bytes()
    credentials.save(replace(invited, authenticators=ALICE.authenticators))
    Path(paths.users, "1001.json").write_bytes(older)
    assert reason(credentials.load, 1001, "bob") is Reason.RECORD_MISSING
    assert [fault[:2] for fault in credentials.faults()] == [(1001, Reason.RECORD_MISSING)]
    copy = Path(paths.users, "1001.json.bak")
    armed = copy.read_bytes()
    copy.write_bytes(older)
    assert reason(credentials.restore, 1001) is Reason.RECORD_MISSING  # it would let a login in without code
    copy.write_bytes(armed)
    assert credentials.restore(1001).armed  # what `save` left: a copy that asks for a code, from the first moment on


def test_disarmed_leaves_the_list(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    credentials.save(replace(alice, authenticators=()))
    assert Path(paths.enrolled).read_text() == "end 0\n"
    assert not credentials.load(1000, "alice").armed


def test_remove_keeps_the_marks(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    assert credentials.remove(alice.uid)
    assert not credentials.remove(alice.uid)
    assert credentials.load(1000, "alice") == Credential(1000, "alice")
    assert sorted(os.listdir(paths.users)) == ["1000.marks", "store-id"]
    assert Path(paths.enrolled).read_text() == "end 0\n"


# The record itself


def zero_length(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".away"))
    path.symlink_to(path.with_suffix(".away"))


def too_long(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" " * 65536)


DAMAGES = [
    (zero_length, Reason.RECORD_UNREADABLE),
    (truncated, Reason.RECORD_UNREADABLE),
    (lambda p: p.write_bytes(b"\0" * 512), Reason.RECORD_UNREADABLE),
    (lambda p: p.write_bytes(b"[" * 5000), Reason.RECORD_UNREADABLE),
    (lambda p: p.write_bytes(b"\xff\xfe"), Reason.RECORD_UNREADABLE),
    (linked, Reason.RECORD_UNSAFE),
    (too_long, Reason.RECORD_UNSAFE),
    (lambda p: p.chmod(0o640), Reason.RECORD_UNSAFE),
    (lambda p: p.chmod(0o604), Reason.RECORD_UNSAFE),
    (Path.unlink, Reason.RECORD_MISSING),
]


@pytest.mark.parametrize(("damage", "expected"), DAMAGES)
def test_damaged_record(
    credentials: Credentials, alice: Credential, paths: Paths, damage: Callable[[Path], object], expected: Reason
) -> None:
    """Never "not enrolled", from nobody; named by `faults` with a remedy that works; others are not touched by it."""
    record = Path(paths.users, "1000.json")
    damage(record)
    assert reason(credentials.load, 1000, "alice") is expected
    assert reason(credentials.load, 1000, None) is expected
    assert credentials.load(1001, "bob") == NOBODY
    fault = credentials.faults()[0]
    assert fault[:2] == (1000, expected)
    assert "restore" in fault[3]
    assert credentials.names() == ([(1000, "")] if record.is_symlink() or record.exists() else [])
    assert credentials.restore(1000).version == alice.version + 1
    assert credentials.load(1000, "alice").authenticators == alice.authenticators
    assert credentials.faults() == []


def test_record_that_belongs_to_somebody_else(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    """Only root can give a file away; without root test_files.py shows the same on a file of root's."""
    if os.geteuid() == 0:
        os.chown(f"{paths.users}/1000.json", 65534, 65534)
        assert reason(credentials.load, alice.uid, "alice") is Reason.RECORD_UNSAFE
    else:
        with pytest.raises(PermissionError):
            os.chown(f"{paths.users}/1000.json", 0, 0)


def test_faults_never_tell_a_secret(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    record = Path(paths.users, "1000.json")
    content = json.loads(record.read_text())
    secret = content["authenticators"][0]["secret"]
    content["authenticators"][0]["secret"] = secret + "!"
    record.write_text(json.dumps(content))
    assert secret not in str(credentials.faults())
    with pytest.raises(StoreError) as error:
        credentials.load(alice.uid, "alice")
    assert secret not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


# The store as a whole


def emptied(paths: Paths) -> None:
    for name in os.listdir(paths.users):
        os.unlink(f"{paths.users}/{name}")


def missing(paths: Paths) -> None:
    emptied(paths)
    os.rmdir(paths.users)


def swapped(paths: Paths) -> None:
    Path(paths.users, "store-id").write_bytes(b"0" * 32 + b"\n")


def list_cut(paths: Paths) -> None:
    Path(paths.enrolled).write_bytes(b"1000\n")


def list_short(paths: Paths) -> None:
    Path(paths.enrolled).write_bytes(b"100\nend 2\n")


WHOLE = [
    (emptied, Reason.STORE_ABSENT),
    (missing, Reason.STORE_ABSENT),
    (swapped, Reason.STORE_FOREIGN),
    (lambda p: os.unlink(p.store_id_etc), Reason.STORE_FOREIGN),
    (lambda p: Path(p.users, "store-id").write_bytes(b""), Reason.RECORD_UNREADABLE),
    (lambda p: os.unlink(p.enrolled), Reason.STORE_FOREIGN),
    (lambda p: Path(p.enrolled).write_bytes(b""), Reason.RECORD_UNREADABLE),
    (list_cut, Reason.RECORD_UNREADABLE),
    (list_short, Reason.RECORD_UNREADABLE),
    (lambda p: os.chmod(p.enrolled, 0o666), Reason.RECORD_UNSAFE),
    (lambda p: os.chmod(p.users, 0o777), Reason.RECORD_UNSAFE),
]


@pytest.mark.parametrize(("damage", "expected"), WHOLE)
def test_nobody_is_not_enrolled_by_accident(
    credentials: Credentials, alice: Credential, paths: Paths, damage: Callable[[Paths], object], expected: Reason
) -> None:
    damage(paths)
    assert reason(credentials.load, 1001, "bob") is expected
    assert credentials.health() is expected
    assert credentials.faults()[0][:2] == (None, expected)
    credentials.open()  # a restart must not paint it over
    assert reason(credentials.load, 1001, "bob") is expected
    assert reason(credentials.save, NOBODY) is expected
    if os.path.exists(f"{paths.users}/1000.json") and expected is not Reason.RECORD_UNSAFE:
        assert credentials.load(1000, "alice") == alice


def test_adopt(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    swapped(paths)
    os.unlink(paths.enrolled)
    assert credentials.adopt() == 1
    assert credentials.health() is None
    assert credentials.faults() == []
    assert credentials.load(1000, "alice") == alice
    assert credentials.load(1001, "bob") == NOBODY


def test_open_heals_the_list(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    """A crash between record and list: the next start adds the uid, so a lost record is noticed."""
    Path(paths.enrolled).write_text("end 0\n")
    credentials.open()
    os.unlink(f"{paths.users}/1000.json")
    assert reason(credentials.load, alice.uid, "alice") is Reason.RECORD_MISSING


def test_a_crash_between_the_two_ids_at_the_first_start(paths: Paths) -> None:
    Path(paths.users, "store-id").write_bytes(b"0" * 32 + b"\n")
    os.chmod(f"{paths.users}/store-id", 0o600)
    store = Credentials(paths)
    store.open()
    assert store.health() is None


def test_a_volume_with_records_is_not_taken_over(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    """A new /etc beside an old volume: an admin adopts it, a start does not."""
    os.unlink(paths.store_id_etc)
    os.unlink(paths.enrolled)
    credentials.open()
    assert credentials.health() is Reason.STORE_FOREIGN
    assert credentials.load(1000, "alice") == alice


# Lost marks


def test_lost_marks_spend_every_recovery_code(
    credentials: Credentials, alice: Credential, paths: Paths, marks: Marks
) -> None:
    os.truncate(f"{paths.users}/1000.marks", 0)
    assert [fault[:2] for fault in credentials.faults()] == [(1000, Reason.RECORD_UNREADABLE)]
    credentials.save(replace(alice, recovery=RecoverySet("ffffffffffffffff", b"s", (b"h" * 32,))))
    marked = marks.read(1000)
    assert marked is not None
    assert marked.state.spent == {f"00112233aabbccdd:{index}" for index in range(10)}
    assert credentials.faults() == []


def test_lost_marks_use_up_every_code_of_a_token(
    credentials: Credentials, alice: Credential, paths: Paths, marks: Marks
) -> None:
    """Which of them were used, nothing tells any more."""
    token = Authenticator(Secret(b"the token's own key!"), counter=5)
    with_token = credentials.save(replace(alice, authenticators=(*alice.authenticators, token)))
    os.truncate(f"{paths.users}/1000.marks", 0)
    credentials.save(with_token)
    marked = marks.read(1000)
    assert marked is not None
    assert marked.state.used == {token.secret.fingerprint(): COUNTER_MAX}


def test_marks_that_are_whole_are_left_alone(credentials: Credentials, alice: Credential, paths: Paths) -> None:
    before = os.stat(f"{paths.users}/1000.marks")
    credentials.save(alice)
    after = os.stat(f"{paths.users}/1000.marks")
    assert (before.st_ino, after.st_size) == (after.st_ino, SIZE)


# The codec

hexes = st.binary(min_size=8, max_size=8).map(bytes.hex)
times = st.integers(0, 2**40)
authenticators = st.builds(
    Authenticator,
    secret=st.binary(min_size=10, max_size=128).map(Secret),
    algorithm=st.sampled_from(["SHA1", "SHA256", "SHA512"]),
    digits=st.sampled_from([6, 8]),
    period=st.sampled_from([30, 60]),
    label=st.text(max_size=64),
    created=times,
)
hashes = st.binary(min_size=32, max_size=32)
credential_strategy = st.builds(
    Credential,
    uid=st.integers(0, 2**32 - 2),
    user=st.text(min_size=1, max_size=256),
    authenticators=st.lists(authenticators, max_size=3).map(tuple),
    pending=st.none() | authenticators,
    recovery=st.none()
    | st.builds(RecoverySet, hexes, st.binary(max_size=32), st.lists(hashes, max_size=10).map(tuple)),
    invite=st.none() | st.builds(Invite, st.binary(max_size=32), hashes, times),
    enrolled=times,
    version=st.integers(1, 2**31),
)


@given(credential_strategy)
def test_codec_round_trip(credential: Credential) -> None:
    assert codec.decode(codec.encode(credential), "x") == credential


@given(credential_strategy, st.data())
def test_codec_cut_anywhere_is_refused(credential: Credential, data: st.DataObject) -> None:
    content = codec.encode(credential).rstrip()
    cut = data.draw(st.integers(0, len(content) - 1))
    assert reason(codec.decode, content[:cut], "x") is Reason.RECORD_UNREADABLE


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values | st.binary())
def test_codec_record_or_refusal(value: object) -> None:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert reason(codec.decode, content, "x") is Reason.RECORD_UNREADABLE


FULL = json.loads(codec.encode(replace(ALICE, version=1, pending=ALICE.authenticators[0])))
PLACES = [
    (*path, key)
    for path, found in [
        ((), FULL),
        (("authenticators", 0), FULL["authenticators"][0]),
        (("pending",), FULL["pending"]),
        (("recovery",), FULL["recovery"]),
    ]
    for key in found
]


WRONG: tuple[object, ...] = (True, 1.5, -1, "", "é", [], [1], {}, {"a": 1}, 2**60)
RIGHT = [("label", ""), ("label", "é"), ("user", "é"), ("authenticators", []), ("hashes", []), ("salt", "")]
WRONG_FIELDS = [(place, wrong) for place in PLACES for wrong in WRONG if (place[-1], wrong) not in RIGHT]


def parent_of(found: object, place: tuple[str | int, ...]) -> dict[object, object]:
    for step in place[:-1]:
        found = found[step]  # type: ignore[index]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("place", "wrong"), WRONG_FIELDS, ids=str)
def test_codec_wrong_field(place: tuple[str | int, ...], wrong: object) -> None:
    found = json.loads(json.dumps(FULL))
    parent_of(found, place)[place[-1]] = wrong
    assert reason(codec.decode, json.dumps(found).encode(), "x") is Reason.RECORD_UNREADABLE


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_codec_absent_or_unknown_field(place: tuple[str | int, ...]) -> None:
    absent, unknown = json.loads(json.dumps(FULL)), json.loads(json.dumps(FULL))
    del parent_of(absent, place)[place[-1]]
    parent_of(unknown, place)["extra"] = 1
    if place[-1] == "counter":  # a record of before has none
        absent = unknown
    for found in (absent, unknown):
        assert reason(codec.decode, json.dumps(found).encode(), "x") is Reason.RECORD_UNREADABLE
