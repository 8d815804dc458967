"""Every line a person reads at a login, in one place."""

from __future__ import annotations

from nas2fa.errors import Reason

CODE_PROMPT = "Verification code: "
CODE_HINT = "Two-step verification: type the code your authenticator app shows, or ? for what else you can type."
MENU = "You can type here:"
BY_APP = "the code that your authenticator app shows now"
BY_COUNTER = "the next code of your counter token"
BY_RECOVERY = "one of your recovery codes; each works once"
FEW_CODES = 2  # recovery codes that are too few
MINUTES_FROM = 180  # seconds that are told in minutes
PLEASE_WAIT = "One moment, please."

_REFUSALS = {
    Reason.WRONG: "That code is not right.",
    Reason.FUTURE: "That code is not right.",
    Reason.EMPTY: "No code was typed.",
    Reason.REUSED: "That code was used already. Wait until your app shows the next one.",
    Reason.SPENT: "That recovery code was used already. Take another one.",
    Reason.OLD: "That code is too old. Type the one your app shows now, and check the clock of your phone.",
    Reason.FRESH_START: (
        "This box has just started and cannot know whether that code was used. Wait for the next code and try again."
    ),
    Reason.CLOCK: (
        "The clock of this box has gone back, so codes from an app are refused. "
        "Use a recovery code or a counter token, or ask the administrator to set the clock."
    ),
    Reason.PASSWORD_REPEATED: (
        "This program sent the password where the verification code was asked. "
        "Log in with a program that can ask twice (ssh: keyboard-interactive)."
    ),
    Reason.CHANGED: "Your two-step verification was changed while you were typing. Log in again.",
    Reason.NOT_VERIFIED: "This box wants a verification code as well as a key.",
    Reason.RULE: "This box does not let you in here. Ask the administrator, if that is not right.",
    Reason.NOT_ENROLLED: "This box wants two-step verification, and it is not set up for you. Ask the administrator.",
    Reason.BUDGET: "Too many wrong codes today. Wait until tomorrow, or ask the administrator to unlock you.",
    Reason.LOCKED_DURABLY: "Locked after very many wrong codes. Ask the administrator to unlock you.",
    Reason.TIMEOUT: "No code came in time.",
    Reason.BUSY: "Too many logins of this user are waiting for a code. Try again in a moment.",
}


def refusal(reason: Reason, attempt: str) -> str:
    """The line for the person whose login is refused for this reason; `attempt` is the id to tell the administrator."""
    text = _REFUSALS.get(reason)
    if text is not None:
        return text
    return f"Two-step verification does not work at the moment ({reason}). Tell the administrator: attempt {attempt}."


def locked(seconds: float) -> str:
    """The line for a source that is locked for so many more seconds."""
    return f"Too many wrong codes. Try again in {_minutes(seconds)}, or ask the administrator to unlock you."


def phone_off(seconds: int) -> str:
    """The line after a good code for the owner of a phone that is so far ahead of this box."""
    return f"Your phone's clock is about {ahead_or_behind(seconds)} this box. Set it to automatic time."


def box_off(seconds: int) -> str:
    """The line after a good code when it is the box: the phones are so far ahead of it."""
    return (
        f"The clock of this box is about {ahead_or_behind(-seconds)} the phones of its users. "
        "Tell the administrator: nas2fa clock"
    )


def recovery_left(left: int) -> str:
    """The line after a recovery code that let in, when `left` others are left."""
    if left > FEW_CODES:
        return f"That was a recovery code. You have {left} others left."
    count = f"you have only {left} left" if left else "it was the last one you had"
    return f"That was a recovery code, and {count}. Make a new set now: nas2fa recovery-codes"


def used_ahead(seconds: float) -> str:
    """The line for a code of a phone that was ahead until it was set right: those of so many seconds count as used."""
    return (
        "The codes that your app shows now count as used, as its clock was ahead until it was set right. "
        f"Wait about {_minutes(seconds)}, or type a recovery code."
    )


def resynced(seconds: int) -> str:
    """The line after two codes in a row, of a phone that is so far ahead of this box."""
    # Set right, a phone that was ahead shows codes again that count as used.
    minutes = (seconds + 30) // 60 + 1  # with the code that has just let in
    wait = f", and wait about {minutes} minutes: the codes it shows until then count as used" if seconds > 0 else ""
    return (
        f"Your phone's clock is about {ahead_or_behind(seconds)} this box, which is taken into account from now on. "
        f"Set it to automatic time{wait}. The first login after that may need two codes in a row."
    )


def ahead_or_behind(seconds: int) -> str:
    """How far and which way, in words."""
    span = f"{abs(seconds)} s" if abs(seconds) < MINUTES_FROM else f"{round(abs(seconds) / 60)} minutes"
    return f"{span} {side(seconds)}"


def side(seconds: int) -> str:
    """Which way."""
    return "behind" if seconds < 0 else "ahead of"


def on_trial(seconds: float) -> str:
    """The line before the prompt of an administrator while `nas2fa system enable` waits to be confirmed."""
    return (
        f"A change of two-step verification is on trial here, and is undone in {_minutes(seconds)}. "
        "Keep it: nas2fa system confirm"
    )


def _minutes(seconds: float) -> str:
    minutes = max(1, -int(-seconds // 60))
    return f"{minutes} minute" if minutes == 1 else f"{minutes} minutes"


START_PROMPT = "Get started? Press Enter (Ctrl-C leaves, and changes nothing): "
FIRST_CODE_PROMPT = "Type the {digits} digits your app or token shows: "
FIRST_CODE_GIVEN_UP = (
    "No right code came. Nothing was changed. Compare the time of this box with your phone's, and start again."
)
FIRST_COUNTER_MISSED = "That code is not right. Type the next one that your token shows."
VERIFIED = "Verified successfully."
SAVED_PROMPT = "Save these codes where your phone is not. Type yes when that is done: "
ALREADY_SET_UP = (
    "Two-step verification is already set up. To move to a new phone: nas2fa setup --replace. "
    "Without phone and recovery codes, ask the administrator."
)
NEEDED_HERE = (
    "This box lets nobody in without two-step verification, so you could not log in again. "
    "To move to a new phone: nas2fa setup --replace"
)
SHUTS_OUT = (
    'This box refuses whoever has no second step (unenrolled = "deny"): until it is set up again as root '
    "(nas2fa setup --user NAME), this user gets in nowhere. For a new phone rather: nas2fa setup --replace"
)
NOTHING_CHANGED = "Nothing was changed."


def first_code_missed(seconds: int | None) -> str:
    """The line after a first code that was not right; `seconds` is how far off it was, when that can be told."""
    if seconds is None:
        return "That code is not right. Check that you scanned this key, and type the code your app shows now."
    return (
        f"That code is right for another time: your phone's clock is about {ahead_or_behind(seconds)} this box. "
        "Set both to automatic time, wait for the next code and type it."
    )
