"""Checks of sshd: that every login can be asked, and that none goes around PAM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nas2fa.activation import edits, sshd, stacks
from nas2fa.activation.checks.sshd_files import RELOAD, config, proper, values_of
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.logins_seen import JournalError, key_logins
from nas2fa.activation.places import DROP_IN, SSHD_STACK

USERS_MAX = 50  # logins that sshd is asked about, one program each
PLACES = ("127.0.0.1", "192.168.1.2", "192.0.2.1")  # this box, a home network, elsewhere (TEST-NET-1)
PAM_METHODS = ("keyboard-interactive", "password")  # all others prove something without calling PAM's auth


def values_ask_for_the_code(look: Examination) -> Iterator[Finding]:
    """The values outside of Match blocks, when the second step is on."""
    values = values_of(look)
    if not values or not look.on:
        return
    for keyword, name, severity, what, why in (
        (
            "usepam",
            "sshd-without-pam",
            Severity.ERROR,
            "sshd does not use PAM (UsePAM no)",
            "ssh lets in without a code: our module is never called, neither for passwords nor for keys.",
        ),
        (
            "kbdinteractiveauthentication",
            "sshd-no-questions",
            Severity.ERROR,
            "ssh cannot ask questions (KbdInteractiveAuthentication no)",
            "The code is a second question. Who has a second step cannot log in by ssh with a password.",
        ),
        (
            "passwordauthentication",
            "sshd-password-method",
            Severity.WARNING,
            'the method "password" is on (PasswordAuthentication yes)',
            "It cannot ask a second question, so it refuses all who have a second step; and guessers get more tries.",
        ),
    ):
        wanted = edits.in_force(edits.Keys.GUARD)[keyword]
        place = _place(look, keyword)
        ours = place.startswith(DROP_IN) or not look.system.path(DROP_IN).exists()  # else no_other_file_wins() tells
        if ours and values.get(keyword, list(wanted)) != list(wanted):
            yield Finding(name, severity, place, f"In {place}, {what}.", why, _set(keyword, wanted[0], place))


def the_pam_service_is_sshd(look: Examination) -> Iterator[Finding]:
    """OpenSSH 9.8 and later can be told to use another stack, and in a Match block for some."""
    if not look.on or not values_of(look):
        return
    named = [("", values_of(look).get("pamservicename", ["sshd"])[0], _place(look, "pamservicename"))]
    named += [
        (f" for those of `Match {one.match}`", one.value.strip('"'), one.where)
        for one in look.sshd_settings
        if one.keyword == "pamservicename" and one.match
    ]
    for whom, service, place in named:
        if service != "sshd":
            yield Finding(
                "sshd-pam-service",
                Severity.ERROR,
                place,
                f"sshd uses the PAM service {service} instead of sshd{whom} (PAMServiceName).",
                "What guards logins by key stands in /etc/pam.d/sshd, and rules for the service sshd do not apply.",
                f"Take the line PAMServiceName out of {place}, {RELOAD}",
            )


def no_match_block_undoes_it(look: Examination) -> Iterator[Finding]:
    """Match blocks that change our values: an error where they hit a login that we know of."""
    wanted = edits.in_force(edits.Keys.GUARD)
    suspects = [
        one
        for one in look.sshd_settings
        if one.match and one.file != DROP_IN and wanted.get(one.keyword, (one.value.lower(),)) != (one.value.lower(),)
    ]
    if not values_of(look) or not suspects:
        return
    hit = _hit(look, wanted)
    for one in suspects:
        who = hit.get(one.keyword)
        yield Finding(
            "sshd-match-changes",
            Severity.ERROR if who and one.keyword != "passwordauthentication" else Severity.WARNING,
            one.where,
            f"The block `Match {one.match}` sets {proper(one.keyword)} {one.value}"
            + (f", which holds for {who}." if who else "."),
            "For the logins that it matches, ssh asks for no code, or cannot ask for it.",
            f"Take the line out of {one.file}, {RELOAD}. To let somebody in without a code: nas2fa exempt add --help",
        )


def keys_are_guarded(look: Examination) -> Iterator[Finding]:
    """A key alone passes no auth phase of PAM; the guard in the account phase is what refuses it."""
    if not look.on or not values_of(look):
        return
    text = look.system.read(SSHD_STACK)
    if text is None or edits.BEGIN not in text:
        yield Finding(
            "sshd-block-missing",
            Severity.ERROR,
            SSHD_STACK,
            f"Our lines are not in /etc/pam.d/sshd (between `{edits.BEGIN}` and `{edits.END}`).",
            "Without them a key alone lets in, whoever has a second step. An upgrade that replaced the file does this.",
            "Write them anew: nas2fa system enable",
        )
        return
    if any(line.ours and "guard" in line.arguments for line in stacks.flatten(look.system, "sshd", "account")):
        return
    for label, values in _logins(look):
        if alone := [way for way in alternatives(values) if not _asks_pam(way)]:
            yield Finding(
                "sshd-keys-skip-code",
                Severity.ERROR,
                SSHD_STACK,
                f"ssh lets {label} in by {' or '.join(alone)} alone, and no line in /etc/pam.d/sshd guards that.",
                "A key alone is no second step: who has stolen it gets in.",
                "Write the lines anew: nas2fa system enable",
            )
            return


def somebody_can_be_asked(look: Examination) -> Iterator[Finding]:
    """Where every allowed combination of methods goes around PAM, the guard refuses all who have a second step."""
    if not look.on:
        return
    for label, values in _logins(look):
        ways = alternatives(values)
        if values.get("authenticationmethods", ["any"]) != ["any"] and not any(map(_asks_pam, ways)):
            place = _place(look, "authenticationmethods")
            yield Finding(
                "sshd-methods-without-pam",
                Severity.ERROR,
                place,
                f"For {label}, ssh allows {' or '.join(ways)} alone: none of these asks for a code.",
                "Who has a second step cannot log in by ssh; who has none is never asked for one.",
                f"Allow `keyboard-interactive:pam` in AuthenticationMethods as well, {RELOAD}",
            )
            return


def enrolled_root_can_answer(look: Examination) -> Iterator[Finding]:
    """`prohibit-password` keeps root away from questions, and the guard refuses its key alone."""
    word = values_of(look).get("permitrootlogin", ["no"])[0]
    if "root" in look.enrolled and word in ("prohibit-password", "without-password"):
        place = _place(look, "permitrootlogin")
        yield Finding(
            "root-cannot-answer",
            Severity.WARNING if look.on else Severity.NOTE,
            place,
            f"root has a second step, but ssh lets root in with a key only (PermitRootLogin {word}).",
            "root cannot type a code there, so root's logins by ssh are refused.",
            "Log in as another administrator and use sudo; or, if root must log in itself: PermitRootLogin yes",
        )


def alternatives(values: Mapping[str, Sequence[str]]) -> list[str]:
    """The combinations of methods that let in, as AuthenticationMethods writes them; those switched on for `any`."""
    words = " ".join(values.get("authenticationmethods", ["any"])).split()
    if words != ["any"]:
        return words
    keywords = {
        "publickey": "pubkeyauthentication",
        "password": "passwordauthentication",
        "keyboard-interactive": "kbdinteractiveauthentication",
        "hostbased": "hostbasedauthentication",
        "gssapi-with-mic": "gssapiauthentication",
    }
    return [method for method, keyword in keywords.items() if values.get(keyword, ["no"])[0] == "yes"]


def _asks_pam(way: str) -> bool:
    """Whether one of the methods in a combination runs PAM's auth phase."""
    return any(method.partition(":")[0] in PAM_METHODS for method in way.split(","))


def _logins(look: Examination) -> Iterator[tuple[str, Mapping[str, list[str]]]]:
    """Whom it is about, and sshd's values for them: everybody first, then those who matter from several places."""
    if values := values_of(look):
        yield "everybody", values
        yield from _known(look)


def _known(
    look: Examination, options: Mapping[str, str] = sshd.NOTHING
) -> Iterator[tuple[str, Mapping[str, list[str]]]]:
    """The same for administrators, enrolled users and logins seen, when there are Match blocks."""
    if not any(one.match for one in look.sshd_settings):
        return
    names = list(dict.fromkeys([admin.user for admin in look.admins] + sorted(look.enrolled)))[:USERS_MAX]
    try:
        seen = [(login.user, login.network.partition("/")[0]) for login in key_logins(look.system)[:USERS_MAX]]
    except JournalError:
        seen = []
    ports = values_of(look).get("port", ["22"])
    by_port = any("localport" in (one.match or "").lower() for one in look.sshd_settings)
    for name, place in dict.fromkeys([(name, place) for name in names for place in PLACES] + seen):
        for port in ports if by_port else ports[:1]:
            label = f"{name} from {place}" + (f" at port {port}" if by_port else "")
            yield label, sshd.effective(look.system, name, place, options, look.sshd_start, port)


def _hit(look: Examination, wanted: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Keyword -> the first known login for which a Match block takes what is wanted away."""
    hit: dict[str, str] = {}
    for label, theirs in _known(look, {keyword: " ".join(words) for keyword, words in wanted.items()}):
        for keyword, words in wanted.items():
            if theirs.get(keyword) != list(words):
                hit.setdefault(keyword, label)
    return hit


def _place(look: Examination, keyword: str) -> str:
    won = sshd.winner(look.system, keyword, start=look.sshd_start)
    return won.where if won else f"{config(look)} (sshd's default)"


def _set(keyword: str, value: str, place: str) -> str:
    if place.startswith(DROP_IN):
        return "Write the settings anew: nas2fa system enable"
    return f"Set `{proper(keyword)} {value}` in {place}, {RELOAD}"


CHECKS = (
    values_ask_for_the_code,
    the_pam_service_is_sshd,
    no_match_block_undoes_it,
    keys_are_guarded,
    somebody_can_be_asked,
    enrolled_root_can_answer,
)
