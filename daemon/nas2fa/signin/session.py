"""One sign-in over one connection: request in, PAM's prompts out and back, nas2fad's token at the end."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from nas2fa.control import codec
from nas2fa.control.client import Client
from nas2fa.control.messages import (
    Done,
    Failed,
    Message,
    Rows,
    answer_from_json,
    request_from_json,
    to_json,
)
from nas2fa.errors import ProtocolError, Reason, RequestError, UnreachableError
from nas2fa.paths import Paths
from nas2fa.signin import pam
from nas2fa.signin.caller import Caller, caller_of
from nas2fa.steps import Ask, Show, Tell

SERVICE = "nas2fa"  # the PAM service, /etc/pam.d/nas2fa
TIME_MAX = 300.0  # seconds for all of a sign-in, thinking included
LAST_WORD_MAX = 2.0  # seconds for the refusal at the end
PROMPTS_MAX = 16  # questions of PAM
TEXT_MAX = 4000  # bytes of a text of PAM, as in the login conversation

# What PAM says before the password is known to be right, all told alike (pam(3)).
_CANNOT = {
    4: "PAM reports a system error",  # PAM_SYSTEM_ERR
    9: "PAM cannot reach what knows the password",  # PAM_AUTHINFO_UNAVAIL
    26: "the PAM service nas2fa has no stack",  # PAM_ABORT
    28: "a module of the PAM service nas2fa cannot be loaded",  # PAM_MODULE_UNKNOWN
}
# Heard only by somebody whose password was right.
_ACCOUNT = {
    12: "the password is right, but over: change it first (passwd)",  # PAM_NEW_AUTHTOK_REQD
    13: "the password is right, but the account is over (expired)",  # PAM_ACCT_EXPIRED
}


class Line:
    """The client's end, with one deadline over everything."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + TIME_MAX
        self._prompts = 0

    def send(self, message: Message) -> None:
        """One packet. Raises OSError."""
        self._connection.settimeout(self._left())
        self._connection.sendall(codec.encode(to_json(message)), socket.MSG_NOSIGNAL)

    def end(self, message: Failed) -> None:
        """The last packet, also when the time is over; whoever has left misses nothing."""
        with suppress(OSError):
            self._connection.settimeout(LAST_WORD_MAX)
            self._connection.sendall(codec.encode(to_json(message)), socket.MSG_NOSIGNAL)

    def receive(self) -> dict[str, object]:
        """One packet. Raises ProtocolError, OSError; EOFError when the client left."""
        self._connection.settimeout(self._left())
        packet, _, flags, _ = self._connection.recvmsg(codec.PACKET_MAX)
        if not packet:
            raise EOFError
        if flags & socket.MSG_TRUNC:
            raise ProtocolError("a packet that is too large")
        return codec.decode(packet)

    def converse(self, style: int, text: bytes) -> bytes | None:
        """PAM's message to the client; the answer back. Raises when there is none, and so ends the transaction."""
        words = text[:TEXT_MAX].decode(errors="replace")
        if style in (pam.TEXT_INFO, pam.ERROR_MSG):
            self.send(Tell(words, style == pam.ERROR_MSG))
            return None
        if style not in (pam.ECHO_OFF, pam.ECHO_ON):
            raise ProtocolError("a style of PAM that cannot be relayed")
        self._prompts += 1
        if self._prompts > PROMPTS_MAX:
            raise ProtocolError("too many questions")
        self.send(Ask(words, style == pam.ECHO_ON, "pam"))
        answer = answer_from_json(self.receive())
        return None if answer is None else answer.encode()

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def serve(connection: socket.socket, paths: Paths, confdir: str | None, trusted: frozenset[int]) -> None:
    """Serve one client to the end. A client that leaves ends it quietly; nothing typed is in any message.

    confdir: where the PAM service file lies, None for the system's. trusted: uids whose nas2fad may be told.
    """
    line = Line(connection)
    try:
        line.send(_signed_in(line, caller_of(connection), paths, confdir, trusted))
    except (RequestError, ProtocolError) as error:
        line.end(Failed(error.reason, error.text))
    except UnreachableError as error:
        line.end(Failed(Reason.INTERNAL, f"nas2fad cannot be reached: {error}"))
    except TimeoutError:
        line.end(Failed(Reason.TIMEOUT, "this took too long"))
    except (EOFError, OSError):
        return


def _signed_in(line: Line, caller: Caller, paths: Paths, confdir: str | None, trusted: frozenset[int]) -> Done:
    request = request_from_json(line.receive())
    if request.verb != "signin" or request.args:
        raise RequestError(Reason.BAD_REQUEST, "this socket knows the verb 'signin' alone, without arguments")
    _prove(line, caller, confdir)
    with Client(paths.socket("control"), trusted) as client:
        args = {"uid": caller.uid, "user": caller.user, "source": caller.source}
        done = client.request("signin.verified", args, Silent())
    return Done({"token": codec.text(done, "token", 128), "seconds": codec.integer(done, "seconds")})


def _prove(line: Line, caller: Caller, confdir: str | None) -> None:
    """The password now, and an account that may log in. Raises RequestError otherwise."""
    with pam.Transaction(SERVICE, caller.user, line.converse, confdir) as transaction:
        transaction.set(pam.pamela.PAM_RUSER, caller.user)
        if caller.tty:
            transaction.set(pam.pamela.PAM_TTY, f"/dev/{caller.tty}")
        if caller.address:
            transaction.set(pam.pamela.PAM_RHOST, caller.address)
        code = transaction.authenticate()
        if code != pam.SUCCESS:
            raise RequestError(Reason.REFUSED, _CANNOT.get(code, "the sign-in was refused: was the password right?"))
        code = transaction.acct_mgmt()
        if code != pam.SUCCESS:
            text = _ACCOUNT.get(code, f"the password is right, but the account is refused: {transaction.meaning(code)}")
            raise RequestError(Reason.REFUSED, text)


class Silent:
    """The relay of a verb that says nothing on its way."""

    def ask(self, question: Ask) -> str | None:
        """Nobody is asked."""
        raise ProtocolError(f"an unexpected question '{question.name}'")

    def tell(self, line: Tell) -> None:
        """Nobody is told."""

    def show(self, thing: Show) -> None:
        """Nothing is shown."""

    def rows(self, page: Rows) -> None:
        """Nothing is listed."""
