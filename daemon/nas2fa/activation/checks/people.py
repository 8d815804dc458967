"""Checks of the people: who has no second step, who cannot use theirs, and who could not be helped."""

from __future__ import annotations

from collections.abc import Iterator

from nas2fa.activation import edits, entrance
from nas2fa.activation.accounts import accounts
from nas2fa.activation.admins import has_password
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.key_only import in_force
from nas2fa.activation.places import CONFIG
from nas2fa.texts import FEW_CODES

NAMES_MAX = 20  # names listed in one finding
_NO_SHELLS = ("nologin", "false", "sync", "shutdown", "halt")


def an_administrator_gets_in(look: Examination) -> Iterator[Finding]:
    """Rules, and `unenrolled = "deny"`, may refuse every administrator: then only the rescue is left."""
    if look.ask is None:
        return
    people = [admin for admin in look.admins if entrance.may_log_in(look.system, admin, admin.user in look.enrolled)]
    keys = in_force(look.system).chosen or edits.Keys.GUARD
    why = {}
    for admin in people or look.admins:
        barred = entrance.barred(look.system, admin, keys, look.ask)
        if barred is None:
            return
        why[admin.user] = barred
    if why:
        yield Finding(
            "no-admin-gets-in",
            Severity.ERROR if look.on else Severity.WARNING,
            CONFIG,
            f"No administrator gets in any more: {_names(list(why))}.",
            f"Each is refused ({'; '.join(f'{name}: {reason}' for name, reason in list(why.items())[:NAMES_MAX])}).",
            "In a root shell that is open: nas2fa setup --user NAME, for who is not set up; or change the rules, or "
            f'`unenrolled`, in {CONFIG}, then: systemctl reload nas2fad. Without one: "Locked out" in operations.md',
        )


def administrators_are_enrolled(look: Examination) -> Iterator[Finding]:
    """An administrator without a second step opens the whole box with a password."""
    if look.ask is None:
        return
    missing = [
        admin.user for admin in look.admins if admin.user not in look.enrolled and has_password(look.system, admin.user)
    ]
    if missing:
        yield Finding(
            "admin-not-enrolled",
            Severity.WARNING if look.on else Severity.NOTE,
            _names(missing),
            f"Administrators without a second step: {_names(missing)}.",
            "They are refused at every login."
            if look.health.get("unenrolled") == "deny"
            else "The password of one of them opens the whole box.",
            "For each, as root: nas2fa setup --user NAME. Or lock a password that nobody needs: passwd --lock NAME",
        )


def people_are_enrolled(look: Examination) -> Iterator[Finding]:
    """Everybody else who can log in with a password."""
    if look.ask is None:
        return
    admins = {admin.user for admin in look.admins}
    late = [name for name in _people(look) if name not in look.enrolled | admins and has_password(look.system, name)]
    if late:
        yield Finding(
            "users-not-enrolled",
            Severity.NOTE,
            f"{len(late)} users",
            f"Users without a second step: {_names(late)}.",
            "Whether they get in with the password alone, says `unenrolled` in /etc/nas2fa/nas2fa.toml.",
            "Invite them: nas2fa user invite NAME",
        )


def administrators_have_recovery_codes(look: Examination) -> Iterator[Finding]:
    """For the day on which the phone is lost."""
    admins = {admin.user for admin in look.admins}
    for row in look.records:
        if row["armed"] and row["user"] in admins and row["recovery_left"] <= FEW_CODES:
            yield Finding(
                "few-recovery-codes",
                Severity.WARNING,
                row["user"],
                f"{row['user']} has {row['recovery_left']} recovery codes left.",
                "An administrator whose phone is lost can then get in at no door.",
                f"As {row['user']}, and keep them on paper: nas2fa recovery-codes",
            )


def records_can_be_used(look: Examination) -> Iterator[Finding]:
    """Records at fault, or never used."""
    unused = [row["user"] for row in look.records if row["armed"] and not row["last_ok"] and not row["fault"]]
    if unused:
        yield Finding(
            "never-used",
            Severity.NOTE,
            _names(unused),
            f"Nobody has logged in with a code yet as: {_names(unused)}.",
            "Does the app show the right codes? It is better known now than on the day it matters.",
            "Each of them: nas2fa test",
        )
    for row in look.records:
        if row["fault"]:
            yield Finding(
                "record-at-fault",
                Severity.ERROR,
                row["user"] or f"uid {row['uid']}",
                f"The record of {row['user'] or row['uid']} cannot be used: {row['fault']}.",
                "This user is refused at every login.",
                "nas2fa repair tells what to do.",
            )


def records_are_of_accounts(look: Examination) -> Iterator[Finding]:
    """Whether each record has uid and name of one account. They are asked for: a directory need not list its people."""
    rows = [row for row in look.records if not row["fault"]]
    now = {one.uid: one.name for one in accounts(look.system, "0", *(str(row["uid"]) for row in rows))}
    owner = {one.name: one.uid for one in accounts(look.system, *(row["user"] for row in rows))} if rows else {}
    for row in rows if now else ():  # without root's, the name service tells nothing
        user, uid = row["user"], row["uid"]
        if uid not in now:
            yield Finding(
                "record-without-account",
                Severity.NOTE,
                user,
                f"There is a record of {user} (uid {uid}), but no such account.",
                "If the uid is given to somebody else, they are refused until the record is gone.",
                f"Is it one of a directory (a domain, LDAP) that does not answer now? Else: nas2fa user reset {user}",
            )
        elif now[uid] != user:
            yield Finding(
                "record-of-another-name",
                Severity.WARNING,
                user,
                f"The record of {user} is that of uid {uid}, whose name is {now[uid]} now.",
                "Whoever it is, is refused at every login.",
                f"The same person: nas2fa user rename '{now[uid]}'. Somebody else: nas2fa user reset '{user}'",
            )
        elif owner.get(user, uid) != uid:
            yield Finding(
                "name-given-twice",
                Severity.ERROR,
                user,
                f"Two accounts are called {user}: uid {uid}, which has a second step, and uid {owner[user]}.",
                "PAM knows people by name: a login as the one can be taken for the other, and then asks for no code.",
                "Give one of them another name (usermod --login), if one is of a domain: the one of this box.",
            )


def _people(look: Examination) -> list[str]:
    """The accounts that a person can log in to, by their numbers and shells."""
    return [one.name for one in look.accounts if one.of_a_person and one.shell.rpartition("/")[2] not in _NO_SHELLS]


def _names(names: list[str]) -> str:
    more = len(names) - NAMES_MAX
    return ", ".join(names[:NAMES_MAX]) + (f" and {more} more" if more > 0 else "")


CHECKS = (
    an_administrator_gets_in,
    administrators_are_enrolled,
    people_are_enrolled,
    administrators_have_recovery_codes,
    records_can_be_used,
    records_are_of_accounts,
)
