"""The kinds of event, and the page that lists them for administrators."""

from pathlib import Path

from nas2fa.audit import Event

PAGE = Path(__file__).parents[2] / "docs" / "journal.md"


def test_every_kind_has_an_id_of_its_own() -> None:
    ids = [event.value.message_id for event in Event]
    assert len(set(ids)) == len(ids)
    assert all(len(bytes.fromhex(each)) == 16 for each in ids)


def test_the_page_lists_each_kind_with_its_id_and_sentence() -> None:
    table = PAGE.read_text().partition("| --- | --- | --- | --- |\n")[2].partition("\n\n")[0]
    rows = [line.split(" | ") for line in table.splitlines()]
    listed = {row[0].strip("| `"): (row[1].strip("`"), row[3].removesuffix(" |")) for row in rows}
    assert listed == {event.name: (event.value.message_id, event.value.template) for event in Event}
