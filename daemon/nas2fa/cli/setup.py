"""`nas2fa setup`. What is asked and shown, in which order, is the daemon's; how it looks is in wizard.py."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from nas2fa.activation import stacks
from nas2fa.activation.system import System, contained
from nas2fa.cli import clock, terminal
from nas2fa.cli.advice import complain
from nas2fa.cli.box import Account, Box, PlainRelay, account
from nas2fa.cli.wizard import WizardRelay
from nas2fa.errors import Reason, RequestError, UnreachableError
from nas2fa.shown import shown

ALREADY = (
    "2-step verification is on already. For a new phone: nas2fa setup --replace; for a second one beside it: "
    "nas2fa authenticator add"
)
SIGNIN_PATIENCE = 120.0  # seconds: PAM may wait for a directory server, and delays after a wrong password


@click.command()
@click.option("--user", "name", metavar="NAME", help="Set it up for somebody else (root).")
@click.option("--invite", default="", metavar="CODE", help="The invite code from your administrator.")
@click.option("--replace", is_flag=True, help="A new phone in place of all that is set up; asks a code of that.")
@click.option("--label", default="", help="A name for this authenticator, such as the phone's.")
@click.option("--despite-clock", default="", metavar="REASON", help="Go on although the clock is off (root).")
@click.pass_obj
def setup(box: Box, /, name: str | None, **wishes: Any) -> int:
    """Set up 2-step verification: compare clocks, scan a picture, type a code, keep the recovery codes.

    Leave at any time with Ctrl-C; nothing is changed before the first good code. With --replace what is set up now
    counts until then; a recovery code does in place of its code.
    """
    return wizard(box, account(name), "setup", wishes)


def wizard(box: Box, whom: Account, verb: str, wishes: Mapping[str, Any]) -> int:
    """`setup` or `authenticator.add`, and what is true when it is left; returns the exit code."""
    relay = WizardRelay()
    try:
        _set_up(box, whom, verb, wishes, relay)
    except KeyboardInterrupt:
        terminal.warn("\n" + _what_changed(box, whom, relay))
    except (RequestError, UnreachableError) as error:
        code = 1 if relay.left else complain(error)  # who left knows why
        if isinstance(error, RequestError) and error.reason == Reason.CLOCK_OFF:
            clock.print_remedy(box.request("clock", {"measure": False})[0], contained(System()))
        terminal.warn(_what_changed(box, whom, relay))
        return code
    else:
        return 0
    return 1


def _set_up(box: Box, whom: Account, verb: str, wishes: Mapping[str, Any], relay: WizardRelay) -> None:
    terminal.say(f"2-step verification for {shown(whom.user)} on {terminal.host()}")
    _mention_sudo(whom)
    found, _ = box.request("status", whom.args())
    changing = wishes.get("replace") or verb != "setup"
    if found["armed"] and not changing:
        raise RequestError(Reason.ALREADY_ENROLLED, ALREADY)
    if not found["armed"] and verb != "setup":
        raise RequestError(Reason.NOT_ENROLLED, "2-step verification is not set up yet.")
    args: dict[str, object] = {**whom.args(), **{key: value for key, value in wishes.items() if value}}
    if os.geteuid() != 0:
        args["token"] = prove_password(box)
    if changing:
        terminal.say(
            "Now a code of what is set up until now, one that was not typed yet: from the phone, or a recovery code."
        )
    done = _converse(box, verb, args, relay)
    if verb == "setup":
        _farewell(box, whom)
    else:
        terminal.say(f"Added as {shown(done['label'])}: from now on a code of either will do.")


def _converse(box: Box, verb: str, args: dict[str, object], relay: WizardRelay) -> Mapping[str, Any]:
    """The request; `setup` asks for the invite code when nothing else speaks for the caller."""
    try:
        with box.connect() as client:
            return client.request(verb, args, relay)
    except RequestError as error:
        if error.reason != Reason.NO_PROOF or "invite" in args:
            raise
        terminal.say_outside(error.text)
        invite = terminal.ask("Invite code (Enter leaves): ", echo=True)
        if not invite:
            relay.left = True
            raise
        with box.connect() as client:  # a new one: the daemon does not wait for a person between two requests
            return client.request(verb, {**args, "invite": invite.strip()}, relay)


def prove_password(box: Box) -> str:
    """Prove the password to nas2fa-signin; returns its word for nas2fad. Raises RequestError."""
    terminal.say("First your password, as at a login.")
    with box.connect("signin", SIGNIN_PATIENCE) as client:
        done = client.request("signin", {}, PlainRelay())
    token = done.get("token")
    if not isinstance(token, str):
        raise UnreachableError("nas2fa-signin: no token in its answer")
    return token


def _mention_sudo(whom: Account) -> None:
    """Who types `sudo nas2fa setup` often means themselves."""
    caller = os.environ.get("SUDO_USER")
    if whom.uid == 0 and caller and caller != "root":
        terminal.say(f"(for root; to set it up for {shown(caller)}, leave with Ctrl-C and run nas2fa without sudo)")


def _what_changed(box: Box, whom: Account, relay: WizardRelay) -> str:
    """What is true after leaving early. Before the first good code nothing can have changed; later the daemon says."""
    if not relay.verified:
        return "Nothing was changed."
    try:
        armed = box.request("status", whom.args())[0]["armed"]
    except (RequestError, UnreachableError):
        return "The code was right, but the daemon cannot say whether it was kept: see nas2fa status."
    if armed:
        return "2-step verification is on. For recovery codes that you can keep, run: nas2fa recovery-codes"
    return "Nothing was changed."


def _farewell(box: Box, whom: Account) -> None:
    asked = _logins_ask(box)
    terminal.say()
    terminal.say(f"That is all: 2-step verification is {'on' if asked else 'set up'} for {shown(whom.user)}.")
    if asked:
        terminal.say("See it work: log out and log in again. First comes your password, as always,")
        terminal.say("then the code that the app shows at that moment. (Not the code from just now:")
        terminal.say("each one is good for one login.) If something is not right, a session that is")
        terminal.say("still open can switch it off: nas2fa disable")
    else:
        terminal.say("No login of this box asks for a code yet; that is for an administrator to switch")
        terminal.say("on (nas2fa system enable). From then on comes your password, as always, then the")
        terminal.say("code that the app shows at that moment. To try one before: nas2fa test")


def _logins_ask(box: Box) -> bool:
    """Whether the box asks for codes. Where that cannot be read, it is taken for a box that does."""
    try:
        return stacks.asks(System(box.root or ""))
    except OSError:
        return True
