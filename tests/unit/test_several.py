"""Several authenticators of one user: added, named, removed, and what they cost."""

from dataclasses import replace

import pytest
from nas2fa.enrolment import setup, several
from nas2fa.errors import Reason, RequestError, StoreError
from nas2fa.factors import provisioning, recovery
from nas2fa.login.judgement import codes_per_try
from nas2fa.login.lockout import BUDGET
from nas2fa.server.views import status
from nas2fa.store import statecodec
from nas2fa.store.records import AUTHENTICATORS_MAX, Authenticator, Credential, Secret
from test_enrolment import NEW, Wizard, right
from worlds import NOON, PHONE, SSH, UID, USER, code, enrolled, later, play, wrong

TABLET = Authenticator(Secret(b"the tablet's own key"), label="tablet")


def add(world, label="tablet", **answers) -> Wizard:
    new = replace(NEW, label=label)
    flow = setup.set_up(world, UID, USER, new, {}, NOON, list, beside=True)
    return Wizard(flow, **{"start": [""], "code": [right], **answers})


def names(world) -> list[str]:
    return [each.called for each in world.credentials[UID].authenticators]


def test_one_more_lets_in_beside_the_first_and_the_recovery_codes_stay() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    wizard = add(world)
    assert "recovery_codes" not in wizard.shown
    assert wizard.result == {"label": "tablet", "authenticators": 2}
    tablet = world.credentials[UID].authenticators[1]
    now = later(60)
    for typed in (code(now), code(now, authenticator=tablet), codes[0]):
        assert play(world, SSH, typed, now=now).verdict.word == "allow"
    assert play(world, SSH, code(now), now=now).verdict.word == "deny"


def test_the_code_that_added_it_is_used_up() -> None:
    world = enrolled()
    wizard = add(world)
    assert play(world, SSH, right(wizard)).verdict.reason is Reason.REUSED


def test_nothing_is_added_before_its_first_good_code() -> None:
    world = enrolled()
    for answers in ({"code": [None]}, {"start": [None], "code": []}, {"code": [wrong()] * 5}):
        before = world.credentials[UID]
        with pytest.raises(RequestError):
            add(world, **answers)
        assert world.credentials[UID] == before


def test_a_reset_or_a_removal_meanwhile_adds_nothing() -> None:
    world = enrolled()

    def reset(wizard: Wizard) -> str:
        world.remove(UID)
        return right(wizard)

    with pytest.raises(StoreError):
        add(world, code=[reset])
    assert UID not in world.credentials


def test_names_are_unique_whatever_the_case() -> None:
    world = enrolled()
    for label in ("", "Tablet", "tablet"):
        add(world, label)
    assert names(world) == ["app", "app 2", "Tablet", "tablet 2"]


@pytest.mark.parametrize("label", ["", "x" * 64])
def test_a_numbered_name_fits(label: str) -> None:
    credential = Credential(UID, USER, (replace(PHONE, label=label),))
    assert 0 < len(several.free_label(credential, label)) <= 64


def test_four_are_the_most_and_a_try_at_them_can_be_paid_by_every_purse() -> None:
    world = enrolled()
    for _ in range(AUTHENTICATORS_MAX - 1):
        add(world)
    with pytest.raises(RequestError, match="more authenticators than"):
        add(world)
    cost = codes_per_try(world.credentials[UID])
    assert all(cost <= purse for purse in BUDGET.values())
    play(world, SSH, wrong())
    assert [g.cost for g in world.state(UID).guesses] == [cost]


def test_nobody_who_is_not_set_up_adds_one() -> None:
    world = enrolled()
    world.credentials.clear()
    with pytest.raises(RequestError) as caught:
        add(world)
    assert caught.value.reason is Reason.NOT_ENROLLED


def test_an_imported_one_that_waits_is_added_by_its_first_code() -> None:
    world = enrolled(pending=TABLET)
    wizard = add(world, code=[code(authenticator=TABLET)])
    assert "secret" not in wizard.shown
    assert (names(world), world.credentials[UID].pending) == (["app", "tablet"], None)


def test_the_same_secret_is_not_added_twice() -> None:
    world = enrolled(pending=PHONE)
    with pytest.raises(RequestError) as caught:
        add(world, code=[code()])
    assert caught.value.reason is Reason.ALREADY_ENROLLED


def test_one_is_removed_and_its_codes_open_nothing_more() -> None:
    world = enrolled(PHONE, TABLET)
    Wizard(several.remove(world, UID, USER, "tablet", list))
    assert names(world) == ["app"]
    assert play(world, SSH, code(authenticator=TABLET)).verdict.reason is Reason.WRONG
    assert play(world, SSH, code()).verdict.word == "allow"


@pytest.mark.parametrize(("label", "reason"), [("app", Reason.REFUSED), ("other", Reason.BAD_REQUEST)])
def test_the_last_one_and_an_unknown_one_are_not_removed(label: str, reason: Reason) -> None:
    world = enrolled()
    with pytest.raises(RequestError) as caught:
        Wizard(several.remove(world, UID, USER, label, list))
    assert (caught.value.reason, names(world)) == (reason, ["app"])


def test_removed_and_added_again_its_used_codes_stay_used() -> None:
    world = enrolled(PHONE, TABLET)
    play(world, SSH, code(authenticator=TABLET))
    Wizard(several.remove(world, UID, USER, "tablet", list))
    world.credentials[UID] = replace(world.credentials[UID], authenticators=(PHONE, TABLET))
    assert play(world, SSH, code(authenticator=TABLET)).verdict.reason is Reason.REUSED


def test_each_has_its_own_last_use_which_a_restart_keeps() -> None:
    world = enrolled(PHONE, TABLET)
    play(world, SSH, code())
    play(world, SSH, code(later(600), authenticator=TABLET), now=later(600))
    state = statecodec.decode(statecodec.encode(statecodec.lasting(world.state(UID))))
    rows = status(world.credentials[UID], state, NOON)["authenticators"]
    assert [row["last_used"] - int(NOON.wall) for row in rows] == [0, 600]
    assert [row["label"] for row in rows] == ["app", "tablet"]


def test_a_state_of_before_knows_of_no_last_use() -> None:
    old = statecodec.encode(enrolled().state(UID))
    del old["uses"]
    assert statecodec.decode(old).uses == {}


def test_a_setup_with_replace_takes_the_place_of_all() -> None:
    world = enrolled(PHONE, TABLET)
    flow = setup.set_up(world, UID, USER, NEW, {}, NOON, list, replacing=True)
    Wizard(flow, start=[""], code=[right], saved=["yes"])
    assert names(world) == ["phone"]


def test_the_shown_key_is_that_of_the_new_one() -> None:
    world = enrolled()
    shown = provisioning.parse(add(world, "tablet").shown["secret"]["uri"], 0)
    assert shown.secret == world.credentials[UID].authenticators[1].secret
