"""What the modules of a PAM stack may return, and what that says about who logs in. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from nas2fa.activation.stacks import Line
from nas2fa.activation.walk import RESULTS, Outcome, Way, actions, ways

ASKED = "asked"  # our module was called to ask for the code
REFUSED = "refused"  # it said no: wrong, locked, or nas2fad away
CODE = "code"  # a right code
KEYED = "keyed"  # a right code after a key of ssh (pubkey)
PROVED = "proved"  # another module than ours let them in: a password, a fingerprint, a script
GUARDED = "guarded"  # our guard was called in the account phase, and let in
GRANTED = "granted"  # nas2fad let in, asked in the account phase by a line that is no guard

ADMITS = ("success", "new_authtok_reqd")  # results with which programs go on; the second after a new password

# Modules that prove nothing about who is there, and may say anything. All that are not known count as a proof.
_NEUTRAL = frozenset({
    "pam_access.so", "pam_cap.so", "pam_ck_connector.so", "pam_debug.so", "pam_echo.so", "pam_ecryptfs.so",
    "pam_env.so", "pam_faildelay.so", "pam_faillock.so", "pam_gnome_keyring.so", "pam_group.so", "pam_issue.so",
    "pam_keyinit.so", "pam_kwallet.so", "pam_kwallet5.so", "pam_lastlog.so", "pam_lastlog2.so", "pam_limits.so",
    "pam_listfile.so", "pam_localuser.so", "pam_loginuid.so", "pam_mail.so", "pam_mkhomedir.so", "pam_motd.so",
    "pam_mount.so", "pam_namespace.so", "pam_nologin.so", "pam_permit.so", "pam_pwhistory.so", "pam_pwquality.so",
    "pam_reauthorize.so", "pam_rhosts.so", "pam_securetty.so", "pam_selinux.so", "pam_sepermit.so",
    "pam_setquota.so", "pam_shells.so", "pam_ssh_add.so", "pam_succeed_if.so", "pam_systemd.so", "pam_tally2.so",
    "pam_time.so", "pam_tmpdir.so", "pam_tty_audit.so", "pam_umask.so", "pam_usertype.so", "pam_warn.so",
    "pam_wheel.so", "pam_xauth.so",
})  # fmt: skip
# Modules that never ask to be passed over, but for an argument like `ignore_unknown_user`: their yes is needed.
_OUTRIGHT = ("pam_unix.so", "pam_sss.so", "pam_krb5.so", "pam_ldap.so")
_FAILS = tuple(result for result in RESULTS if result not in (*ADMITS, "ignore", "incomplete"))
_ANYTHING = tuple(result for result in RESULTS if result != "incomplete")


def of_auth(line: Line) -> list[Outcome]:
    """What a line may do in the auth phase."""
    if line.ours:
        return _ours(line)
    match line.module:
        case "pam_deny.so":
            return [("auth_err", "")]
        case "pam_permit.so":
            return [("success", "")]
        case "pam_rootok.so":  # lets root in, who is in already: not a login
            return [("auth_err", "")]
        case module if module in _NEUTRAL:
            return [(result, "") for result in _distinct(line, _ANYTHING)]
    aside = line.module not in _OUTRIGHT or any(word.startswith("ignore") for word in line.arguments)
    results = [result for result in _ANYTHING if aside or result != "ignore"]
    return [(result, PROVED if result in ADMITS else "") for result in _distinct(line, results)]


def of_account(line: Line) -> list[Outcome]:
    """What a line may do in the account phase."""
    if line.refuses:
        return [("system_err", REFUSED)]
    if line.ours:
        refusals = [(result, REFUSED) for result in _distinct(line, _FAILS)]
        lets_in = [("success", GUARDED), ("ignore", GUARDED)] if "guard" in line.arguments else [("success", GRANTED)]
        return [*lets_in, *refusals]
    if line.module == "pam_deny.so":
        return [("acct_expired", "")]
    if line.module == "pam_permit.so":
        return [("success", "")]
    return [(result, "") for result in _distinct(line, _ANYTHING)]


def admitting(lines: Sequence[Line]) -> list[Way]:
    """The ways through an auth stack that let somebody in."""
    return [way for way in ways(lines, of_auth) if way.result in ADMITS]


def bypass(way: Way) -> Line | None:
    """The line that ended the way, or jumped, before our module could be called; None when no line of it did."""
    for step in reversed(way.steps):
        action = actions(step.line.control)[step.result]
        if action == "done" or action.isdecimal():
            return step.line
    return None


def asks(line: Line) -> bool:
    """Whether a line of the auth phase wants a proof of who is there: a code, or what its module asks for."""
    return line.ours or any(note == PROVED for _, note in of_auth(line))


def opener(lines: Sequence[Line]) -> Line | None:
    """The line by which an auth stack lets in who has proved nothing to any module but ours; None when none does."""
    found = ways(lines, lambda line: [("ignore", "")] if line.ours else of_auth(line))
    way = next((way for way in found if way.result in ADMITS and PROVED not in way.notes), None)
    if way is None:
        return None
    refused = (step.line for step in reversed(way.steps) if step.result not in (*ADMITS, "ignore"))
    return bypass(way) or next(refused, way.steps[-1].line)


def prover(way: Way) -> Line | None:
    """The line of the last module that proved who is there on this way; None when none did."""
    proofs = (step.line for step in reversed(way.steps) if (step.result, PROVED) in of_auth(step.line))
    return next(proofs, None)


def _ours(line: Line) -> list[Outcome]:
    if line.refuses:
        return [("auth_err", REFUSED)]
    refusals = [(result, REFUSED) for result in _distinct(line, _FAILS)]
    if "decoy" in line.arguments:
        return [("auth_err", "")]
    if "split" in line.arguments:
        return [("ignore", ""), *((result, "") for result in _distinct(line, _FAILS))]
    if "pubkey" in line.arguments:
        return [("ignore", ""), ("success", KEYED), *refusals]
    return [("success", CODE), ("ignore", ASKED), *refusals]


def _distinct(line: Line, results: Sequence[str]) -> list[str]:
    """One result for each thing that the line's control does; success, new_authtok_reqd and ignore for themselves."""
    table = actions(line.control)
    alike: dict[tuple[str, str], str] = {}
    for result in results:
        kept = result if result in (*ADMITS, "ignore") else ""
        alike.setdefault((kept, table[result]), result)
    return list(alike.values())
