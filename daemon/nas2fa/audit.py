"""The audit trail: one record for each event, with fields, into the journal.

It must never hold up or break a login: the sockets do not block, and a record that a full journal refuses is counted
and told with the next one that gets through. The journal's own protocol is spoken here (systemd's
JOURNAL_NATIVE_PROTOCOL): sd_journal_sendv(3) blocks when journald does not read. Every field passes shown(), and
there is no field for an answer, a code or a secret.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import syslog
import time
from collections.abc import Callable, Mapping

from nas2fa.events import Event
from nas2fa.shown import shown

__all__ = ["Event", "emit", "open_sink"]

JOURNAL = "/run/systemd/journal/socket"
SYSLOG = "/dev/log"
IDENTIFIER = "nas2fad"
FIELD_MAX = 400  # characters of a field
TRACE_MAX = 8000  # characters; a decision's trace is many short lines
FIELDS = frozenset(
    {"attempt", "user", "uid", "service", "source", "reason", "verdict", "trace", "phase", "by", "exemption", "lost"}
)
Fields = Mapping[str, str]
Sink = Callable[[Event, str, Fields], bool]


class Trail:
    """Where records go, and how many got lost on the way."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lost = 0

    def emit(self, event: Event, fields: Mapping[str, object]) -> None:
        """Write one record. Never blocks, never raises."""
        clean = _clean(fields if not self._lost else {**fields, "lost": self._lost})
        try:
            sent = self._sink(event, _message(event, clean), clean)
        except (OSError, ValueError):
            sent = False
        self._lost = 0 if sent else self._lost + 1


def _clean(fields: Mapping[str, object]) -> Fields:
    unknown = fields.keys() - FIELDS
    if unknown:
        raise TypeError(f"not an audit field: {', '.join(sorted(unknown))}")
    return {name: _shown(name, value) for name, value in fields.items() if value is not None and value != ""}


def _shown(name: str, value: object) -> str:
    if name == "trace":
        return " | ".join(shown(line, FIELD_MAX) for line in str(value).split("\n"))[:TRACE_MAX]
    return shown(value if isinstance(value, str | bytes) else str(value), FIELD_MAX)


class _Words(dict[str, str]):
    """A field without a value is a dash; a space inside one is escaped, or it could forge the words around it."""

    def __missing__(self, key: str) -> str:
        return "-"


def _message(event: Event, fields: Fields) -> str:
    words = {name: value if name == "reason" else value.replace(" ", "\\x20") for name, value in fields.items()}
    return "nas2fa: " + event.value.template.format_map(_Words(words))


def journal(path: str = JOURNAL) -> Sink:
    """The journal: its native protocol, one datagram for one record."""
    sender = _Datagrams(path)

    def send(event: Event, message: str, fields: Fields) -> bool:
        lines = {
            "MESSAGE": message,
            "MESSAGE_ID": event.value.message_id,
            "PRIORITY": str(event.value.priority),
            "SYSLOG_FACILITY": str(syslog.LOG_AUTHPRIV >> 3),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            "NAS2FA_EVENT": event.name,
            **{f"NAS2FA_{name.upper()}": value for name, value in fields.items()},
        }
        # No value holds a line feed after shown(), so the protocol's short form does for all.
        return sender.send("".join(f"{key}={value}\n" for key, value in lines.items()).encode("utf-8"))

    return send


def system_log(path: str = SYSLOG) -> Sink:
    """syslog, for a box without systemd: the sentence alone, in the form that syslog(3) sends."""
    sender = _Datagrams(path)

    def send(event: Event, message: str, _fields: Fields) -> bool:
        stamp = time.strftime("%b %e %H:%M:%S")
        head = f"<{syslog.LOG_AUTHPRIV | event.value.priority}>{stamp} {IDENTIFIER}[{os.getpid()}]: "
        return sender.send((head + message).encode("utf-8"))

    return send


def lines(fd: int | None = None) -> Sink:
    """A private instance: one JSON object per line on standard error."""

    def send(event: Event, message: str, fields: Fields) -> bool:
        record = {"event": event.name, "priority": event.value.priority, "message": message, **fields}
        raw = (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8")
        return os.write(sys.stderr.fileno() if fd is None else fd, raw) == len(raw)

    return send


class _Datagrams:
    """Sends to a datagram socket by path, each time anew: journald may be restarted at any time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)

    def __del__(self) -> None:
        self._socket.close()

    def send(self, content: bytes) -> bool:
        """One datagram; False when it went only in part, OSError when not at all."""
        return self._socket.sendto(content, self._path) == len(content)


_trail = Trail(lines())


def open_sink(*, private: bool) -> None:
    """Choose where the records of this process go; to be called once, at start. `private`: a --root instance."""
    global _trail  # noqa: PLW0603  one process, one trail
    if private:
        _trail = Trail(lines())
    elif os.path.exists(JOURNAL):
        _trail = Trail(journal())
    else:
        _trail = Trail(system_log())


def emit(event: Event, **fields: object) -> None:
    """Write one record; see Trail.emit. Fields are those of FIELDS; None and "" are left out."""
    _trail.emit(event, fields)
