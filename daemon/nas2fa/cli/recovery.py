"""Recovery codes on the screen: shown once, and acknowledged by a person who has read what they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas2fa.cli import terminal
from nas2fa.cli.box import PlainRelay
from nas2fa.control.messages import Rows
from nas2fa.errors import ProtocolError
from nas2fa.shown import shown
from nas2fa.steps import Ask, Show, Tell

SAVED_PROMPT = "Type yes when you have saved them: "


@dataclass(slots=True)
class RecoveryRelay:
    """A plain relay that also draws recovery codes and asks whether they are saved."""

    plain: PlainRelay
    shown: bool = False  # the new codes were on the screen; the daemon has kept them before

    def ask(self, question: Ask) -> str | None:
        """As plain, but the question `saved` is asked until the answer is yes."""
        return ask_saved() if question.name == "saved" else self.plain.ask(question)

    def tell(self, line: Tell) -> None:
        """As plain."""
        self.plain.tell(line)

    def show(self, thing: Show) -> None:
        """Draw recovery codes."""
        if thing.kind == "recovery_codes":
            print_codes(codes_of(thing))
            self.shown = True

    def rows(self, page: Rows) -> None:
        """As plain."""
        self.plain.rows(page)


def codes_of(thing: Show) -> list[str]:
    """The codes of a show `recovery_codes`. Raises ProtocolError."""
    codes = thing.value.get("codes")
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise ProtocolError("recovery codes that are no list of texts")
    return codes


def print_codes(codes: Sequence[str]) -> None:
    """Two columns, with what they are for."""
    terminal.say()
    terminal.say("Your recovery codes. Each one works once, in place of a code, when the phone is")
    terminal.say("lost or broken. They are shown this once: print them or write them down, and")
    terminal.say("keep them away from the phone.")
    terminal.say()
    half = (len(codes) + 1) // 2
    for row in range(half):
        pair = codes[row::half]
        terminal.say("    " + "      ".join(shown(code) for code in pair))
    terminal.say()


def ask_saved() -> str | None:
    """`yes` once the person typed it; None at the end of input."""
    while True:
        answer = terminal.ask(SAVED_PROMPT, echo=True)
        if answer is None or answer.strip().lower() == "yes":
            return None if answer is None else "yes"
        terminal.say("They cannot be shown again.")
