"""What every store must hold, whatever it is made of. A new kind of store is one more line in STORES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from accounts import ALICE
from nas2fa.errors import Reason, StoreError
from nas2fa.paths import Paths
from nas2fa.store.credentials import Credentials
from nas2fa.store.marks import Marks
from nas2fa.store.records import EMPTY_STATE, Credential, Instant, UserState
from nas2fa.store.state import State

NOW = Instant(1_700_000_000.0, 1000.0)
BOB = replace(ALICE, uid=1001, user="bob")


@dataclass
class Store:
    """The two halves of a store, and a way to start it anew on what it has kept."""

    credentials: Credentials
    state: State
    again: Callable[[], Store]


def of_files(paths: Paths) -> Store:
    marks = Marks(paths)
    credentials, state = Credentials(paths, marks), State(paths, marks)
    credentials.open()
    state.open(NOW, "machine", "boot")
    return Store(credentials, state, lambda: of_files(paths))


STORES = [of_files]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, paths: Paths) -> Store:
    made: Store = request.param(paths)
    return made


def reason(call: Callable[..., object], *args: object) -> Reason:
    with pytest.raises(StoreError) as error:
        call(*args)
    return error.value.reason


def test_empty_and_healthy(store: Store) -> None:
    assert store.credentials.health() is None
    assert store.credentials.names() == []
    assert store.credentials.load(1000, "alice") == Credential(1000, "alice")
    assert store.state.get(1000) == EMPTY_STATE


def test_what_was_saved_is_loaded(store: Store) -> None:
    saved = store.credentials.save(ALICE)
    assert saved == replace(ALICE, version=1)
    for each in (store, store.again()):
        assert each.credentials.load(1000, "alice") == saved
        assert each.credentials.names() == [(1000, "alice")]


def test_users_are_apart(store: Store) -> None:
    saved = store.credentials.save(ALICE)
    store.credentials.save(BOB)
    store.credentials.remove(1001)
    store.state.put(1001, UserState(wrong_in_row=3))
    assert store.credentials.load(1000, "alice") == saved
    assert store.state.get(1000) == EMPTY_STATE


def test_the_second_writer_of_a_version_is_refused(store: Store) -> None:
    saved = store.credentials.save(ALICE)
    store.credentials.save(replace(saved, enrolled=1))
    assert reason(store.credentials.save, replace(saved, enrolled=2)) is Reason.STALE
    assert reason(store.credentials.save, ALICE) is Reason.STALE
    assert store.credentials.load(1000, "alice").enrolled == 1


def test_the_name_must_match(store: Store) -> None:
    store.credentials.save(ALICE)
    assert reason(store.credentials.load, 1000, "bob") is Reason.RECORD_MISMATCH


def test_removed_is_positively_not_enrolled(store: Store) -> None:
    store.credentials.save(ALICE)
    assert store.credentials.remove(1000)
    for each in (store, store.again()):
        assert each.credentials.load(1000, "alice") == Credential(1000, "alice")
    assert store.credentials.save(ALICE).version == 1


def test_the_state_goes_on(store: Store) -> None:
    store.credentials.save(ALICE)
    state = UserState(used={"phone": 5}, spent=frozenset({"set:1"}), wrong_in_row=2)
    store.state.get(1000)
    store.state.put(1000, state)
    assert store.state.get(1000) == state
    again = store.again()
    assert again.state.get(1000) == state
    assert again.state.began == store.state.began


def test_used_codes_outlive_a_reset_and_a_new_import(store: Store) -> None:
    store.credentials.save(ALICE)
    store.state.put(1000, UserState(used={"phone": 5}, spent=frozenset({"set:1"}), wrong_in_row=2))
    assert store.state.flush(1000, store.state.get(1000), NOW)
    store.credentials.remove(1000)
    store.state.forget(1000)
    store.credentials.save(ALICE)
    found = store.again().state.get(1000)
    assert dict(found.used) == {"phone": 5}
    assert found.spent == {"set:1"}
    assert found.wrong_in_row == 0
