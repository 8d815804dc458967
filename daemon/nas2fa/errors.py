"""The fixed list of reasons, and the exceptions that carry one.

A refusal is an outcome with a Reason, not an exception. Exceptions mean that something is broken or hostile; each names
its Reason so that the border which catches it has nothing to guess.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why an attempt ended as it did: what the journal and `nas2fa explain` print. Never a free text."""

    OK = "OK"  # a factor was verified
    NOT_ENROLLED = "NOT_ENROLLED"  # positively known to have no second step
    WRONG = "WRONG"  # matches nothing near now
    EMPTY = "EMPTY"  # an empty answer: refused, not counted as a guess
    REUSED = "REUSED"  # right, but this time step was accepted before
    FRESH_START = "FRESH_START"  # right, but from before this state began: may have been used
    OLD = "OLD"  # a code of some steps ago
    FUTURE = "FUTURE"  # a code of some steps ahead: for journal and root only (an oracle otherwise)
    SPENT = "SPENT"  # a recovery code that was used before
    LOCKED = "LOCKED"  # too many wrong tries from this source
    BUDGET = "BUDGET"  # the day's guesses of this user are used up
    LOCKED_DURABLY = "LOCKED_DURABLY"  # 100 wrong in a row: remote access waits for an admin
    PASSWORD_REPEATED = "PASSWORD_REPEATED"  # noqa: S105  the application answered the code prompt with the password
    ABORTED = "ABORTED"  # the application could not relay the question, or left
    TIMEOUT = "TIMEOUT"  # prompt_timeout passed
    NOT_VERIFIED = "NOT_VERIFIED"  # account guard: this handle passed no code
    DECOY = "DECOY"  # asked after a wrong password, for the look of it
    RULE = "RULE"  # a rule of nas2fa.toml asks no code, or refuses
    EXEMPT = "EXEMPT"  # an exemption asks no code (nas2fa exempt)
    TRUSTED = "TRUSTED"  # a good code at this address is not old yet (again_after)
    GRANTED = "GRANTED"  # a code given elsewhere opened the file shares at this address
    NO_GRANT = "NO_GRANT"  # none did: the password was right, and is not enough
    CHANGED = "CHANGED"  # reset, disabled or replaced while the prompt was open
    CLOCK = "CLOCK"  # local proof that the box's time went back
    FOREIGN_UID = "FOREIGN_UID"  # a peer that is not root spoke for somebody else
    PROTOCOL = "PROTOCOL"  # the peer broke the wire rules
    BUSY = "BUSY"  # limit of open conversations
    # What can be wrong with the store; the verdict is `unavailable`, never "not enrolled".
    STORE_ABSENT = "STORE_ABSENT"  # users folder missing, empty or not mounted
    STORE_FOREIGN = "STORE_FOREIGN"  # store id of /etc and of the users folder differ
    RECORD_MISSING = "RECORD_MISSING"  # enrolled according to /etc, but the record is gone
    RECORD_UNREADABLE = "RECORD_UNREADABLE"  # I/O error, truncated, not our format
    RECORD_UNSAFE = "RECORD_UNSAFE"  # wrong owner, mode, type or size
    RECORD_MISMATCH = "RECORD_MISMATCH"  # uid or name inside differ: re-used uid or renamed account
    WRITE_FAILED = "WRITE_FAILED"  # a mark that must be on disk first could not be written
    STALE = "STALE"  # the record changed between read and write
    INTERNAL = "INTERNAL"  # a defect of ours
    # Requests on the control socket.
    FORBIDDEN = "FORBIDDEN"  # this caller may not ask that
    BAD_REQUEST = "BAD_REQUEST"
    UNKNOWN_USER = "UNKNOWN_USER"
    UNKNOWN_GROUP = "UNKNOWN_GROUP"
    ALREADY_ENROLLED = "ALREADY_ENROLLED"
    NO_PROOF = "NO_PROOF"  # enrolment without invite code, listed source or console
    EXPIRED = "EXPIRED"  # a token or invite code is over
    REFUSED = "REFUSED"  # the fresh code was not right
    CLOCK_OFF = "CLOCK_OFF"  # the box's clock is too far off to set anything up by it


class Nas2faError(Exception):
    """Base of all of ours; never raised itself. `text` is fit for a person to read and holds no secret."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


class StoreError(Nas2faError):
    """The store or one record cannot be trusted or reached."""


class ProtocolError(Nas2faError):
    """The peer sent what the wire does not allow."""

    def __init__(self, text: str) -> None:
        super().__init__(Reason.PROTOCOL, text)


class RequestError(Nas2faError):
    """A control request that is refused."""


class ConfigError(Exception):
    """A configuration that is refused; the text begins with `file:line:`."""


class UnreachableError(Exception):
    """The daemon cannot be reached, or was lost before it said how a request ended. The text names the socket."""
