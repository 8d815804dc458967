"""smbprotocol and impacket, which log in to a box's shares from outside: what smbclient cannot be told to do.

smbprotocol holds several logins on one connection, asks again on a login that stands, and joins a second connection to
one; impacket speaks SMB 1, takes the hash of a password for the password, and asks again by tickets. Each answer is a
name such as NT_STATUS_OK.
"""

from __future__ import annotations

import contextlib
import site
import sys
import uuid
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from . import lan
from .clients import WAIT
from .logins import PASSWORD
from .machine import Box
from .packages import BUILD
from .samba import OK, SHARE
from .ssh_libraries import in_network

CLOSED = "NT_STATUS_CONNECTION_DISCONNECTED"
"""smbclient's word for a connection that the server has ended."""
SMB_1 = "NT LM 0.12"
"""impacket's name of the dialect."""
_SMB_2_1 = 0x0210

# What `check` installs; behind Debian's own packages, so that those come first.
site.addsitedir(str(BUILD / "clients" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"))

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # they and what they need import what Debian's Pythons call old
    impacket: Any = import_module("impacket.smbconnection")
    ccache: Any = import_module("impacket.krb5.ccache")
    nt_errors: Any = import_module("impacket.nt_errors")
    connection: Any = import_module("smbprotocol.connection")
    exceptions: Any = import_module("smbprotocol.exceptions")
    opens: Any = import_module("smbprotocol.open")
    sessions: Any = import_module("smbprotocol.session")
    trees: Any = import_module("smbprotocol.tree")
    Dialects: Any = import_module("smbprotocol").Dialects
    spnego: Any = import_module("spnego")

_BINDING = 0x01
"""[MS-SMB2] 2.2.5, SMB2_SESSION_FLAG_BINDING: this connection joins a login of another one."""


def name_of(status: int) -> str:
    """An NT status as smbclient writes it."""
    return OK if status == 0 else f"NT_{nt_errors.ERROR_MESSAGES[status][0]}"


class SmbConnection:
    """One TCP connection from `source` to the box's file server, for any number of logins; a context manager.

    `dialect` is one of Dialects. Every message is signed, or encrypted for a login that asks so.
    """

    def __init__(self, box: Box, *, source: str = lan.NEIGHBOUR, dialect: int = Dialects.SMB_3_1_1) -> None:
        self._host = lan.BOX6 if ":" in source else lan.BOX
        self._client = uuid.uuid4()
        self._box, self._dialect = box, dialect
        self._connection = self._connect(source)
        self._channels: list[Any] = []
        self._sessions: dict[str, Any] = {}
        self._trees: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> SmbConnection:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (*self._channels, self._connection):
            each.disconnect(close=False)

    def _connect(self, source: str) -> Any:
        made = connection.Connection(self._client, self._host)
        made.client_capabilities |= connection.Capabilities.SMB2_GLOBAL_CAP_MULTI_CHANNEL
        in_network(self._box, lambda: made.connect(self._dialect, timeout=WAIT), lan.namespace_of(source))
        return made

    def log_in(self, name: str, password: str = PASSWORD, *, encrypted: bool = False) -> str:
        """A login of its own on this connection; the later calls are told by `name` which they mean."""
        session = sessions.Session(self._connection, name, password, encrypted, auth_protocol="ntlm")
        with _answer() as said:
            session.connect()
            self._sessions[name] = session
        return said[-1]

    def log_in_again(self, name: str, password: str = PASSWORD) -> str:
        """Authenticate the login of `name`, which stands, once more."""
        return self._authenticate(self._connection, name, password, 0)

    def join(self, name: str, source: str, password: str = PASSWORD) -> str:
        """Multichannel: another connection, from `source`, to carry the login of `name` as well."""
        channel = self._connect(source)
        self._channels.append(channel)
        session = self._sessions[name]
        channel.session_table[session.session_id] = session  # whose key signs what is sent there
        return self._authenticate(channel, name, password, _BINDING)

    def _authenticate(self, line: Any, name: str, password: str, flags: int) -> str:
        context = spnego.client(name, password, protocol="ntlm", options=spnego.NegotiateOptions.session_key)
        token = None
        with _answer() as said:
            while not context.complete:
                setup = sessions.SMB2SessionSetupRequest()
                setup["flags"], setup["security_mode"] = flags, line.client_security_mode
                setup["buffer"] = context.step(token)
                request = line.send(setup, sid=self._sessions[name].session_id, credit_request=64)
                with contextlib.suppress(exceptions.MoreProcessingRequired):
                    line.receive(request, timeout=WAIT)
                answer = sessions.SMB2SessionSetupResponse()
                answer.unpack(request.response["data"].get_value())
                token = answer["buffer"].get_value()
        return said[-1]

    def open_share(self, name: str, share: str = SHARE) -> str:
        """Connect to one more share, under the login of `name`."""
        tree = trees.TreeConnect(self._sessions[name], rf"\\{self._host}\{share}")
        with _answer() as said:
            tree.connect()
            self._trees[name, share] = tree
        return said[-1]

    def read(self, name: str, share: str = SHARE) -> str:
        """Read the file of a share that open_share has connected to."""
        with _answer() as said:
            file = opens.Open(self._trees[name, share], "file")
            file.create(
                opens.ImpersonationLevel.Impersonation,
                opens.FilePipePrinterAccessMask.GENERIC_READ,
                opens.FileAttributes.FILE_ATTRIBUTE_NORMAL,
                opens.ShareAccess.FILE_SHARE_READ,
                opens.CreateDisposition.FILE_OPEN,
                opens.CreateOptions.FILE_NON_DIRECTORY_FILE,
            )
            assert file.read(0, 100) == f"of {share}\n".encode()
            file.close()
        return said[-1]


@contextlib.contextmanager
def _answer() -> Iterator[list[str]]:
    """A list whose last item is what the server said: OK, unless what stands below `with` is refused or cut off."""
    said = [OK]
    try:
        yield said
    except exceptions.SMBResponseException as refused:
        said.append(name_of(refused.status))
    except exceptions.SMBConnectionClosed:
        said.append(CLOSED)
    except exceptions.SMBException as broken:
        # That a login is over, for having failed to authenticate again, is signed by a key of that failure.
        if "signature could not be verified" not in str(broken):
            raise
        said.append(CLOSED)


def by_impacket(
    box: Box,
    name: str,
    password: str = PASSWORD,
    *,
    nt_hash: str = "",
    source: str = lan.NEIGHBOUR,
    dialect: object = None,
    share: str = SHARE,
) -> str:
    """One login and a look at the share. `nt_hash`, in hex, stands for the password.

    Fails for a login that Samba takes for a guest's.
    """
    host = lan.BOX6 if ":" in source else lan.BOX

    def run() -> str:
        client = impacket.SMBConnection(host, host, preferredDialect=dialect, timeout=WAIT)
        try:
            client.login(name, "" if nt_hash else password, nthash=nt_hash)
            assert not client.isGuestSession()
            client.listPath(share, "*")
        except impacket.SessionError as refused:
            return name_of(refused.getErrorCode())
        finally:
            client.close()
        return OK

    return in_network(box, run, lan.namespace_of(source))


class TicketConnection:
    """One TCP connection from NEIGHBOUR to the box's file server, with one login by tickets; a context manager."""

    def __init__(self, box: Box) -> None:
        self._client = in_network(
            box,
            # In newer dialects it would encrypt by the key of its latest ticket, and the server by that of the first.
            lambda: impacket.SMBConnection(lan.BOX, lan.BOX, preferredDialect=_SMB_2_1, timeout=WAIT),
            lan.NAMESPACE,
        )

    def __enter__(self) -> TicketConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.getSMBServer().close_session()

    def log_in(self, name: str, ticket: bytes) -> str:
        """Log in by a ticket, as kinit(1) has written it; and when the login stands, authenticate it once more."""
        credential = ccache.CCache(ticket).credentials[0]
        realm = credential["server"].realm["data"].decode()
        return self._said(lambda: self._client.kerberosLogin(name, "", realm, TGS=credential.toTGS(), useCache=False))

    def look(self, share: str = SHARE) -> str:
        """List a share."""
        return self._said(lambda: self._client.listPath(share, "*"))

    @staticmethod
    def _said(ask: Callable[[], object]) -> str:
        try:
            ask()
        except impacket.SessionError as refused:
            return name_of(refused.getErrorCode())
        return OK
