"""FTP, IMAP and HTTP from outside the box, each with one field for the password, and Cockpit's two pages."""

from __future__ import annotations

import base64
import ftplib
import http.client
import imaplib
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from .clients import ADDRESS, WAIT
from .knocking import Visit
from .machine import Box
from .ssh_libraries import in_network

Login: TypeAlias = Callable[[Box, str, str], bool]
"""Try a name with what is typed into the one field."""


class LanLogin(Protocol):
    """The same, from any machine: `host` is the box as that machine calls it, `namespace` is where it is."""

    def __call__(self, box: Box, name: str, field: str, *, host: str = ..., namespace: str = ...) -> bool:
        """Whether it got in."""


def by_ftp(box: Box, name: str, field: str) -> bool:
    """FTP's USER and PASS."""

    def run() -> bool:
        with ftplib.FTP(ADDRESS, timeout=WAIT) as client:
            try:
                return client.login(name, field).startswith("230")
            except ftplib.error_perm:
                return False

    return in_network(box, run)


def by_imap(box: Box, name: str, field: str, *, host: str = ADDRESS, namespace: str = "") -> bool:
    """IMAP's LOGIN; over TLS, without which Dovecot takes no password from another machine."""

    def run() -> bool:
        with imaplib.IMAP4_SSL(host, timeout=WAIT) as client:
            try:
                return client.login(name, field)[0] == "OK"
            except imaplib.IMAP4.error:
                return False

    return in_network(box, run, namespace)


def by_cups(box: Box, name: str, field: str, *, host: str = ADDRESS, namespace: str = "") -> bool:
    """A page of CUPS for administrators, by HTTP's Basic."""
    path, basic = "/admin/conf/cupsd.conf", {"Authorization": f"Basic {_base64(f'{name}:{field}')}"}
    return _get(box, host, 631, path, basic, namespace)[0] == 200


def by_cockpit(box: Box, name: str, password: str, code: str) -> Visit:
    """Cockpit's login page, which shows a second one for each further question."""
    visit = Visit(asked=["password"])
    status, more = _cockpit(box, f"Basic {_base64(f'{name}:{password}')}")
    if status == 401 and more.startswith("X-Conversation"):
        scheme, conversation, question = more.split()
        visit.shown = base64.b64decode(question).decode()
        visit.asked.append("code" if visit.shown == "Verification code: " else visit.shown)
        status, _ = _cockpit(box, f"{scheme} {conversation} {_base64(code)}")
    visit.entered = status == 200
    return visit


def _cockpit(box: Box, authorization: str) -> tuple[int, str]:
    status, headers = _get(box, ADDRESS, 9090, "/cockpit/login", {"Authorization": authorization})
    return status, headers.get("WWW-Authenticate", "")


def _get(
    box: Box, host: str, port: int, path: str, headers: Mapping[str, str], namespace: str = ""
) -> tuple[int, Mapping[str, str]]:
    def run() -> tuple[int, Mapping[str, str]]:
        client = http.client.HTTPConnection(host, port, timeout=WAIT)
        client.request("GET", path, headers=dict(headers))
        response = client.getresponse()
        response.read()
        client.close()
        return response.status, dict(response.getheaders())

    return in_network(box, run, namespace)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
