"""docs/doors.md shows the table that the box tests knock at: run this file to write it there."""

from __future__ import annotations

from pathlib import Path

import doors

PAGE = Path(__file__).parents[2] / "docs/doors.md"


def filled(text: str) -> str:
    """The page with each table between its marks as the tests have it."""
    for name, table in doors.tables().items():
        before, mark, rest = text.partition(f"<!-- table: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        assert all((mark, end)), f"{PAGE}: no place for the table {name}"
        text = before + mark + table + end + after
    return text


def test_the_page_has_the_tables_of_the_tests() -> None:
    assert PAGE.read_text() == filled(PAGE.read_text()), f"write them: PYTHONPATH=tests/box python3 {__file__}"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
