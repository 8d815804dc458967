"""The table of the control protocol: which verb, from whom, with which arguments. Pure.

A request that is not in this table is not understood. docs/protocol.md holds the same table for people;
tests/unit/test_control_verbs.py compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from nas2fa.errors import Reason, RequestError

UID_MAX = 2**32 - 2  # (uid_t) -1 means "no uid"
USER_MAX = 256  # characters of a name, as in the login conversation
GROUPS_MAX = 8192  # characters of names of groups, joined by ":"
URI_MAX = 2048  # characters of a provisioning URI
ROOT_UID = 0


class Caller(Enum):
    """Who may ask, by the uid of the peer's credentials."""

    ROOT = "root"
    ANYBODY = "anybody"  # about no account
    OWN = "own uid"
    OWN_WITH_TOKEN = "own uid with token"  # noqa: S105 (a word of the table); and proved the password to nas2fa-signin just now


class _Required:
    """The default of an argument that has none."""


REQUIRED = _Required()


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument. `kind` str: `most` limits the characters; int: `least` and `most` limit the value."""

    kind: type
    default: Any = REQUIRED
    least: int = 0
    most: int = 256
    choices: tuple[Any, ...] = ()
    root_only: bool = False  # from others it must stay at its default

    def check(self, name: str, value: object) -> Any:
        """`value` when it fits; raises RequestError(BAD_REQUEST) otherwise, without quoting it."""
        if value is None and self.default is None:
            return None
        if type(value) is not self.kind:  # not isinstance: true is no number here
            raise _bad(f"'{name}' must be of type {self.kind.__name__}")
        if isinstance(value, str | int) and not self._fits(value):
            unit = " characters" if isinstance(value, str) else ""
            raise _bad(f"'{name}' must be from {self.least} to {self.most}{unit}")
        if isinstance(value, str) and not value.isprintable():  # a newline in a name would forge lines elsewhere
            raise _bad(f"'{name}' holds a character that cannot be printed")
        if self.choices and value not in self.choices:
            raise _bad(f"'{name}' must be one of {', '.join(map(str, self.choices))}")
        return value

    def _fits(self, value: str | int) -> bool:
        if isinstance(value, bool):
            return True
        return self.least <= (len(value) if isinstance(value, str) else value) <= self.most


@dataclass(frozen=True, slots=True)
class Verb:
    """One line of the table. `fresh_code`: the daemon asks for a code in this very request, whoever asks."""

    name: str
    callers: frozenset[Caller]
    args: Mapping[str, Arg] = field(default_factory=lambda: MappingProxyType({}))
    fresh_code: bool = False


def _user(**more: Arg) -> dict[str, Arg]:
    """The arguments of a verb about one user; the client asks the name service, the daemon never does."""
    return {"uid": Arg(int, most=UID_MAX), "user": Arg(str, least=1, most=USER_MAX), **more}


_ROOT = frozenset({Caller.ROOT})
_ANYBODY = frozenset({Caller.ROOT, Caller.OWN})
_TOKEN = Arg(str, "", most=128)
_NEW_KEY = _user(
    token=_TOKEN,
    label=Arg(str, "", most=64),
    issuer=Arg(str, "", most=64),
    algorithm=Arg(str, None, choices=("SHA1", "SHA256", "SHA512")),  # None, here and below: as nas2fa.toml says
    digits=Arg(int, None, choices=(6, 8)),
    period=Arg(int, None, choices=(30, 60)),
    despite_clock=Arg(str, "", most=200, root_only=True),
)
_SETUP = {**_NEW_KEY, "invite": Arg(str, "", most=64), "replace": Arg(bool, False)}

_EXEMPTION = {
    "user": Arg(str, "", most=USER_MAX),
    "group": Arg(str, "", most=USER_MAX),
    "uid": Arg(int, None, most=UID_MAX),  # of the user, as the client's name service has it
    "service": Arg(str, least=1, most=64),
    "network": Arg(str, least=1, most=64),
    "key": Arg(str, "", most=64),
    "until": Arg(int, most=2**40),
    "reason": Arg(str, least=1, most=200),
}
_SOMEBODY = {"uid": Arg(int, None, most=UID_MAX)}  # None, for root: everybody
_IMAGINED = _user(
    service=Arg(str, "sshd", least=1, most=64),
    rhost=Arg(str, ""),
    tty=Arg(str, "", most=64),
    first=Arg(str, "password", choices=("password", "key")),
    key=Arg(str, "", most=64),
    alone=Arg(bool, False),
    groups=Arg(str, "", most=GROUPS_MAX),
)

_TABLE = (
    Verb("status", _ANYBODY, _user()),
    Verb(
        "test",
        _ANYBODY,
        _user(
            service=Arg(str, "sshd", least=1, most=64),
            rhost=Arg(str, "", root_only=True),
            groups=Arg(str, "", most=GROUPS_MAX, root_only=True),
        ),
    ),
    Verb("setup", frozenset({Caller.ROOT, Caller.OWN_WITH_TOKEN}), _SETUP),
    Verb("authenticator.add", frozenset({Caller.ROOT, Caller.OWN_WITH_TOKEN}), _NEW_KEY, fresh_code=True),
    Verb(
        "authenticator.remove",
        frozenset({Caller.ROOT, Caller.OWN_WITH_TOKEN}),
        _user(token=_TOKEN, label=Arg(str, least=1, most=64)),
        fresh_code=True,
    ),
    Verb("disable", _ANYBODY, _user(), fresh_code=True),
    Verb("recovery-codes", _ANYBODY, _user(), fresh_code=True),
    Verb("signin.verified", _ROOT, _user(source=Arg(str, least=1))),
    Verb("user.list", _ROOT),
    Verb("user.show", _ROOT, _user()),
    Verb(
        "user.add",
        _ROOT,
        _user(
            uri=Arg(str, least=1, most=URI_MAX),
            armed=Arg(bool, False),
            replace=Arg(bool, False),
            beside=Arg(bool, False),
        ),
    ),
    Verb("user.invite", _ROOT, _user(hours=Arg(int, None, least=1, most=720))),
    Verb("user.reset", _ROOT, _user()),
    Verb("user.unlock", _ROOT, _user()),
    Verb("user.rename", _ROOT, _user()),
    Verb("user.forget", _ROOT, _user()),
    Verb("exempt.add", _ROOT, _EXEMPTION),
    Verb("exempt.list", _ROOT),
    Verb("exempt.remove", _ROOT, {"id": Arg(str, least=1, most=16)}),
    Verb("imagine", _ROOT, _IMAGINED),
    Verb(
        "smb.unlock",
        _ANYBODY,
        _user(address=Arg(str, least=1, most=64), seconds=Arg(int, 0, most=7 * 86_400)),
        fresh_code=True,
    ),
    Verb("smb.attempts", _ANYBODY, _SOMEBODY),
    Verb("smb.grants", _ANYBODY, _SOMEBODY),
    Verb("smb.revoke", _ANYBODY, _user(address=Arg(str, "", most=64))),
    Verb("explain", _ROOT, {"attempt": Arg(str, "", most=64), "limit": Arg(int, 20, least=1, most=1000)}),
    Verb("accepted", _ROOT, {"since": Arg(int, most=2**40)}),
    Verb(
        "repair",
        _ROOT,
        {
            "uid": Arg(int, None, most=UID_MAX),
            "action": Arg(str, "check", choices=("check", "restore", "adopt")),
        },
    ),
    Verb("rescue-clock", _ROOT, _user()),
    Verb(
        "clock",
        frozenset({Caller.ROOT, Caller.ANYBODY}),
        {"measure": Arg(bool, True), "despite": Arg(str, "", most=200, root_only=True)},
    ),
    Verb("health", _ROOT),
)
VERBS: Mapping[str, Verb] = MappingProxyType({verb.name: verb for verb in _TABLE})


def find(name: str) -> Verb:
    """The verb of that name. Raises RequestError(BAD_REQUEST)."""
    verb = VERBS.get(name)
    if verb is None:
        raise _bad("no such verb")
    return verb


def check_args(verb: Verb, args: Mapping[str, Any]) -> dict[str, Any]:
    """All arguments of `verb`, defaults filled in. Raises RequestError for one missing, wrong or unknown."""
    if not verb.args.keys() >= args.keys():
        raise _bad(f"'{verb.name}' does not take one of these arguments")
    checked: dict[str, Any] = {}
    for name, arg in verb.args.items():
        if name in args:
            checked[name] = arg.check(name, args[name])
        elif arg.default is REQUIRED:
            raise _bad(f"'{verb.name}' needs '{name}'")
        else:
            checked[name] = arg.default
    return checked


def check_caller(verb: Verb, peer_uid: int, args: Mapping[str, Any]) -> None:
    """Refuse a caller that may not ask this. `args` come from check_args. Raises RequestError(FORBIDDEN).

    Whether a token is good is the daemon's own look-up; here it must only be there.
    """
    if peer_uid == ROOT_UID:
        return  # every verb of the table is open to root
    if not verb.callers & {Caller.ANYBODY, Caller.OWN, Caller.OWN_WITH_TOKEN}:
        raise RequestError(Reason.FORBIDDEN, f"'{verb.name}' is for root")
    if Caller.ANYBODY not in verb.callers and args["uid"] != peer_uid:  # nor None, which is everybody
        raise RequestError(Reason.FORBIDDEN, "you may ask this for your own account only")
    for name, arg in verb.args.items():
        if arg.root_only and args[name] != arg.default:
            raise RequestError(Reason.FORBIDDEN, f"'{name}' is for root")
    if Caller.OWN_WITH_TOKEN in verb.callers and not args.get("token"):
        raise RequestError(Reason.FORBIDDEN, "prove your password first")


def _bad(text: str) -> RequestError:
    return RequestError(Reason.BAD_REQUEST, text)
