"""The kinds of event that the audit trail knows: each has a MESSAGE_ID for life, a priority and a sentence.

`journalctl MESSAGE_ID=…` finds all of one kind. The ids were drawn once and never change; a new kind gets a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from syslog import LOG_ERR, LOG_INFO, LOG_NOTICE, LOG_WARNING


@dataclass(frozen=True, slots=True)
class Kind:
    """What goes with one kind of event. The template's words in braces are fields of `audit.emit`."""

    message_id: str  # 32 hex digits, as systemd-id128(1) makes them
    priority: int  # syslog(3)
    template: str


class Event(Enum):
    """Every kind. The wording of DENIED and LOCKED is what filters such as fail2ban match: it does not change."""

    STARTED = Kind("71e5ec86415e418b8b8bc41a7c171c1b", LOG_INFO, "started, version {reason}")
    STOPPED = Kind("ed918a7d46b743a39835f432fe3d6911", LOG_INFO, "stopped")
    CONFIG_BAD = Kind(
        "f2b57f2c20c84a48862540021de18500", LOG_ERR, "configuration refused, the last good one stays in force: {reason}"
    )
    STORE_FAULT = Kind("faa3ba3830cf4c2384e7053995f3047b", LOG_ERR, "store of uid {uid}: {reason} (see: nas2fa repair)")
    ALLOWED = Kind(
        "478bcd967fa047b0a252e86ef731db94", LOG_INFO, "allowed {user} from {source} via {service} (attempt {attempt})"
    )
    DENIED = Kind(
        "8ed3c075540d4776bca94f147a050faa",
        LOG_NOTICE,
        "denied {user} from {source} via {service}: {reason} (attempt {attempt})",
    )
    LOCKED = Kind(
        "ecfa73b138504465a90201e64547535e",
        LOG_WARNING,
        "locked {user} from {source} via {service}: {reason} (attempt {attempt})",
    )
    PASSED = Kind(
        "5b599b83e1124f7abb98e2cbfadc5d3c",
        LOG_INFO,
        "asked no code of {user} from {source} via {service}: {reason} (attempt {attempt})",
    )
    EXEMPTED = Kind(
        "5f9a2045cfc748009ce3b646f0dcd5fe",
        LOG_NOTICE,
        "asked no code of {user} from {source} via {service}: exemption {exemption} (attempt {attempt})",
    )
    UNAVAILABLE = Kind(
        "e7f9444166284b73a0c66d14de952bfe",
        LOG_ERR,
        "cannot judge {user} from {source} via {service}: {reason} (attempt {attempt})",
    )
    ABANDONED = Kind(
        "eebeff22e27f4017bc72665503bbb107",
        LOG_INFO,
        "abandoned by {user} from {source} via {service}: {reason} (attempt {attempt})",
    )
    ENROLLED = Kind("0c8e49bfff19416cbc16e462638de9a5", LOG_NOTICE, "set up for {user} by uid {by}")
    INVITED = Kind("0c8e0135b54343b19f21a70ab41c73ed", LOG_NOTICE, "invite code for {user} made by uid {by}")
    IMPORTED = Kind("206adc849295488d8ec9a880e1403e76", LOG_NOTICE, "imported for {user} by uid {by}")
    DISABLED = Kind("d70160af894341938e66b421a361d64f", LOG_NOTICE, "switched off for {user} by uid {by}")
    RESET = Kind("99c30ef9c81a48599590b3936cbd0898", LOG_WARNING, "reset for {user} by uid {by}")
    AUTHENTICATOR_ADDED = Kind(
        "9eec272aa292445a906f247309afe06e", LOG_NOTICE, "authenticator added for {user} by uid {by}"
    )
    AUTHENTICATOR_REMOVED = Kind(
        "81911a7cbc4544c19d18ae4cdfaf638b", LOG_NOTICE, "authenticator of {user} removed by uid {by}: {reason}"
    )
    UNLOCKED = Kind("991769812521430c883fa62863b34f77", LOG_NOTICE, "unlocked {user} by uid {by}")
    RENAMED = Kind("7271f3e641fd4ad69dc90c18f3d655f5", LOG_NOTICE, "renamed to {user} by uid {by}")
    RECOVERY_NEW = Kind("3f74940931cf4ff5961c4c4bbbbf98fa", LOG_NOTICE, "new recovery codes for {user} by uid {by}")
    RECOVERY_USED = Kind(
        "026c8af0311c4c4bb0989ffd2588ccae",
        LOG_NOTICE,
        "recovery code used by {user} from {source} via {service}: {reason} (attempt {attempt})",
    )
    RECOVERY_LOW = Kind("bc12f491031e47bc88651e4a3b89bece", LOG_WARNING, "few recovery codes of {user}: {reason}")
    EXEMPTION_ADDED = Kind(
        "62e5832f4c6446f1b94f2c43eca4824a", LOG_WARNING, "exemption {exemption} made by uid {by}: {reason}"
    )
    EXEMPTION_REMOVED = Kind(
        "bd1ca127434841189146e512f7a5c534", LOG_NOTICE, "exemption {exemption} removed by uid {by}: {reason}"
    )
    FORGOTTEN = Kind("a07338af54ad4733b30550865e7bb84e", LOG_NOTICE, "trusted devices of {user} forgotten by uid {by}")
    SHARES_OPENED = Kind(
        "5c3aa634c9aa217132ba4b9bd223d71b",
        LOG_NOTICE,
        "file shares opened for {user} from {source} via {service} (attempt {attempt})",
    )
    SHARES_CLOSED = Kind(
        "235b14019a94d3b0fb6793551cb55ccd",
        LOG_NOTICE,
        "file shares closed for {user} from {source} by uid {by}: {reason}",
    )
    SESSIONS_ENDED = Kind(
        "0cb88792572ac0f9e5391207efa8a22f", LOG_NOTICE, "open sessions of {user} from {source} ended: {reason}"
    )
    SHARES_KNOCKED = Kind(
        "ecc5de950622b6ec84383e7d15c04a86",
        LOG_WARNING,
        "right password of {user} from {source} via {service}, where {user} never was: {reason} (attempt {attempt})",
    )
    REPAIRED = Kind("18080275c9e141ae95d15cc6e0b62e5c", LOG_WARNING, "repaired uid {uid} by uid {by}: {reason}")
    CLOCK_RESCUED = Kind(
        "70f2dd59fa5b4d3190f87caa51082a1a", LOG_WARNING, "clock set by uid {by} by codes of {user}: {reason}"
    )
    PHONE_OFF = Kind("d9f2d1c87a6742448118acf3d6680bbe", LOG_NOTICE, "phone of {user}: {reason} (attempt {attempt})")
    CLOCK_PHONES = Kind("b3f8e4ada0d742a5b33797319a90e8e6", LOG_WARNING, "clock of this box: {reason}")
    CLOCK_SUSPECT = Kind(
        "404346cf162d460eb396155e6d474b98", LOG_WARNING, "clock of this box may be wrong: {reason} (attempt {attempt})"
    )
    FLOOD = Kind("f3b9155ac4554cfab4e4e25ab215734a", LOG_WARNING, "not every attempt of uid {by} is recorded: {reason}")
    CLOCK_DOUBTED = Kind("dcf1a9471d304a3a8d6dad9ac330e4f8", LOG_WARNING, "the clock: {reason} (see: nas2fa clock)")
    CLOCK_TRUSTED = Kind("efad3c246de549d8ae3278ce4aed89b4", LOG_NOTICE, "the clock can be trusted again: {reason}")
    CLOCK_OVERRIDDEN = Kind(
        "f1c75557666648c6a9dba737ae85ba03", LOG_WARNING, "uid {by} goes on despite the clock: {reason}"
    )
