"""What a judged answer says of clocks: to the person, after a good code, and to the trace."""

from __future__ import annotations

from nas2fa import texts
from nas2fa.clock import phones
from nas2fa.factors.totp import WINDOW
from nas2fa.login.judgement import Outcome


def off_line(outcome: Outcome, box: int | None) -> str:
    """The line for the person who was let in; empty when their phone is right enough.

    box: how far all phones agree that they are ahead of this box, seconds; None when it is not the box.
    """
    if outcome.phone is None:
        return ""
    offset = outcome.offset
    if offset is None or not phones.is_far(offset, outcome.phone.period, WINDOW):
        return ""
    if outcome.resynced:
        return texts.resynced(offset)
    return texts.box_off(box) if box is not None and box * offset > 0 else texts.phone_off(offset)


def described(outcome: Outcome) -> str:
    """The trace line of a judged answer."""
    line = f"answer: {outcome.reason}"
    if outcome.factor:
        line += f" ({outcome.factor})"
    if outcome.resynced:
        line += f", the second of two in a row, {outcome.steps:+d} steps off"
    elif outcome.steps:
        line += f" by {outcome.steps} steps"
    if outcome.noted:
        line += ", noted: the next one in a row lets in"
    if outcome.lock is not None:
        line += f"; {outcome.lock.reason} for {outcome.lock.seconds:.0f} s"
    return line + _phone(outcome)


def _phone(outcome: Outcome) -> str:
    phone, offset = outcome.phone, outcome.offset
    if phone is None or (offset is None and not phone.wanted):
        return ""
    known = "its phone" if offset is None else f"its phone is {offset:+d} s from this box's clock"
    return f"; {known}, looked for at {phone.wanted:+d} s" if phone.wanted else f"; {known}"
