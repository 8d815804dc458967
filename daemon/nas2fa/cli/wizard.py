"""The screens of `nas2fa setup`: clock, QR code and key, the code, the recovery codes."""

from __future__ import annotations

from dataclasses import dataclass, field

from nas2fa.activation.system import System, contained
from nas2fa.cli import clock, qr, terminal
from nas2fa.cli.box import QUESTION_MAX
from nas2fa.cli.recovery import ask_saved, codes_of, print_codes
from nas2fa.control import codec
from nas2fa.control.messages import Rows
from nas2fa.shown import shown
from nas2fa.steps import Ask, Show, Tell
from nas2fa.texts import VERIFIED

LINES_BESIDE_PICTURE = 3  # the line above, the key, the prompt


@dataclass(slots=True)
class WizardRelay:
    """Relays the verb `setup`."""

    verified: bool = False  # a first good code was accepted
    left: bool = False  # the input ended; nobody is there to read a reason
    _uri: str = field(default="", repr=False)
    _key: str = field(default="", repr=False)
    _inverted: bool = False

    def ask(self, question: Ask) -> str | None:
        """The person's answer; `i` at the code prompt inverts the picture and asks again."""
        answer = self._ask(question)
        self.left = answer is None
        return answer

    def tell(self, line: Tell) -> None:
        """A line of the daemon."""
        self.verified = self.verified or line.text == VERIFIED
        terminal.say_outside(line.text, line.error)

    def show(self, thing: Show) -> None:
        """Draw what there is to see. Raises ProtocolError when it is not what docs/protocol.md says."""
        if thing.kind == "clock":
            _print_clock(thing)
        elif thing.kind == "secret":
            self._uri = codec.text(thing.value, "uri")
            self._key = codec.text(thing.value, "key")
            self._print_secret(first=True)
        elif thing.kind == "recovery_codes":
            self.verified = True
            print_codes(codes_of(thing))

    def rows(self, page: Rows) -> None:
        """Nothing: setup has no lists."""

    def _ask(self, question: Ask) -> str | None:
        if question.name == "start":
            return terminal.ask("Get started: press Enter (Ctrl-C leaves, nothing is changed) ", echo=True)
        if question.name == "saved":
            return ask_saved()
        if question.name == "code" and self._uri:
            return self._ask_code()
        return terminal.ask(shown(question.text, QUESTION_MAX), question.echo)

    def _ask_code(self) -> str | None:
        while True:
            answer = terminal.ask("Code that the app shows (i + Enter inverts the picture): ", echo=True)
            if answer is None or answer.strip().lower() != "i":
                return answer
            self._inverted = not self._inverted
            self._print_secret(first=False)

    def _print_secret(self, first: bool) -> None:
        """The picture where the terminal can show it, the key always."""
        picture = qr.drawn(qr.matrix(self._uri), self._inverted)
        why_not = _cannot_draw(picture) if first else ""
        if why_not:
            self._inverted = True  # so that the first `i` draws it the usual way
            terminal.say(why_not)
            terminal.say("Type the key into the app by hand: time-based, account and name as you like.")
        else:
            terminal.say("Scan this with your authenticator app, or type the key below it:")
            terminal.say("\n".join(picture))
        terminal.say(f"Key: {qr.grouped(shown(self._key))}")


def _cannot_draw(picture: list[str]) -> str:
    """Why no picture is drawn unasked; empty when one is."""
    if not terminal.promises_utf8():
        return "No picture: this terminal does not promise UTF-8 (LANG=C?). i + Enter draws it all the same."
    if terminal.columns() < len(picture[0]):
        return f"No picture: it needs a window {len(picture[0])} characters wide. Widen it; i + Enter draws it."
    if terminal.lines() < len(picture) + LINES_BESIDE_PICTURE:
        needed = len(picture) + LINES_BESIDE_PICTURE
        return f"No picture: it needs a window of {needed} lines. Enlarge it, then i + Enter draws it."
    return ""


def _print_clock(thing: Show) -> None:
    """Date, time and zone of the box, who keeps them right, and what is thought of its clock."""
    terminal.say()
    clock.print_date(thing.value, contained(System()))
    said = thing.value.get("seconds") is not None or thing.value.get("state") == "behind"
    terminal.say(shown(codec.text(thing.value, "head"), terminal.TEXT_MAX) if said else clock.synchronised(thing.value))
    for line in thing.value.get("lines", ()) if thing.value.get("doubt") is True else ():
        terminal.say(shown(str(line), terminal.TEXT_MAX))
    terminal.say("Compare with your phone: codes only fit when both show the same time.")
    terminal.say()
