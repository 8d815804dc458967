"""A world in memory for conversations, and a script that must be used up."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from box_network import OWN
from nas2fa.clock import phones
from nas2fa.clock.floor import floor_step
from nas2fa.errors import Reason, StoreError
from nas2fa.factors import recovery, totp
from nas2fa.login.attempt import Attempt, Rules, Verdict
from nas2fa.login.conversation import converse
from nas2fa.login.judgement import Outcome
from nas2fa.login.lockout import Limits
from nas2fa.login.protocol import Hello
from nas2fa.login.source import Console
from nas2fa.network import Own
from nas2fa.server.phones import Watch
from nas2fa.steps import Answer, Ask, Cut, Durable, InGroups, PasswordVersion, Tell
from nas2fa.store.records import EMPTY_STATE, Authenticator, Credential, Exemption, Instant, Secret, UserState

UID = 1000
USER = "alice"
BEGAN = 1_000.0  # CLOCK_BOOTTIME at which the state began
NOON = Instant(1_790_000_010.0, BEGAN + 7200.0)  # two hours later, 10 s into a time step
PHONE = Authenticator(Secret(b"12345678901234567890"))
SSH = Hello("auth", "sshd", UID, USER, rhost="192.0.2.7", tty="ssh")
CONSOLE = Hello("auth", "login", UID, USER, tty="tty1")

RULES = Rules(Limits(deny=3, fail_interval=900, unlock_time=600), "pass", Console(("gdm-password",)))


def later(seconds: float, since: Instant = NOON) -> Instant:
    """Both clocks gone on."""
    return Instant(since.wall + seconds, since.boot + seconds)


def code(now: Instant = NOON, offset: int = 0, authenticator: Authenticator = PHONE) -> str:
    """What the phone shows at that moment, `offset` steps away."""
    return totp.code_at(authenticator, totp.step_at(authenticator, now) + offset)


def wrong(now: Instant = NOON, authenticator: Authenticator = PHONE) -> str:
    """A code that is right at no step within reach."""
    step = totp.step_at(authenticator, now)
    near = {totp.code_at(authenticator, step + o) for o in range(-40, 41) if step + o >= 0}
    return next(c for c in (f"{n:0{authenticator.digits}}" for n in range(100)) if c not in near)


@dataclass
class MemoryWorld:
    """World and AccountStore over two dicts."""

    credentials: dict[int, Credential] = field(default_factory=dict)
    states: dict[int, UserState] = field(default_factory=dict)
    began: float = BEGAN
    born: set[str] = field(default_factory=set)
    fault: StoreError | None = None
    removed: int = 0
    lost_marks: Reason | None = None
    disk: bool = True  # what Durable comes back with
    the_rules: Rules = RULES
    exempted: tuple[Exemption, ...] = ()
    the_own: Own = OWN
    groups: frozenset[str] = frozenset()  # those that the module says the user is in
    asked_groups: list[str] = field(default_factory=list)
    password: str = "$y$j9T$salt1"  # its version
    trials: dict[int, float] = field(default_factory=dict)  # uid -> seconds left
    watch: Watch = field(default_factory=lambda: Watch({}, NOON))

    def rules(self) -> Rules:
        return self.the_rules

    def exemptions(self) -> tuple[Exemption, ...]:
        return self.exempted

    def own(self) -> Own:
        return self.the_own

    def load(self, uid: int, user: str | None) -> Credential:
        if self.fault is not None:
            raise self.fault
        return self.credentials.get(uid, Credential(uid, user or ""))

    def state(self, uid: int) -> UserState:
        return self.states.get(uid, EMPTY_STATE)

    def put(self, uid: int, state: UserState) -> None:
        self.states[uid] = state

    def recovery_fault(self, uid: int) -> Reason | None:
        return self.lost_marks

    def update(self, uid: int, user: str, fn: Callable[[Credential, UserState], tuple[UserState, Any]]) -> Any:
        self.states[uid], answer = fn(self.load(uid, user), self.state(uid))
        return answer

    def floor(self, uid: int, authenticator: Authenticator, state: UserState, at: Instant) -> int:
        name = authenticator.secret.fingerprint()
        used, ahead = state.used.get(name), state.phones[name].ahead if name in state.phones else 0
        born = name in self.born
        return floor_step(used, self.began, at, authenticator.period, totp.WINDOW, born=born, ahead=ahead)

    def heard(self, attempt: Attempt, uid: int, outcome: Outcome, at: Instant) -> int | None:
        return self.watch.heard(attempt, uid, outcome, at)

    def written(self, uid: int = UID) -> None:
        """The state of this moment is on disk."""
        self.states[uid] = phones.in_force(self.state(uid), self.state(uid))

    def trial(self, uid: int, boot: float) -> float:
        return self.trials.get(uid, 0.0)

    def save(self, credential: Credential) -> Credential:
        if self.credentials.get(credential.uid, Credential(0, "")).version != credential.version:
            raise StoreError(Reason.STALE, "changed since it was read")
        saved = replace(credential, version=credential.version + 1)
        self.credentials[credential.uid] = saved
        return saved

    def remove(self, uid: int) -> None:
        self.removed += 1
        self.credentials.pop(uid, None)

    def forget(self, uid: int) -> None:
        self.states[uid] = replace(EMPTY_STATE, used=self.state(uid).used)

    def removals(self, uid: int) -> int:
        return self.removed

    def mark_born(self, fingerprint: str) -> None:
        self.born.add(fingerprint)


def enrolled(*authenticators: Authenticator, **more: Any) -> MemoryWorld:
    """A world in which alice has these authenticators (one phone if none are named)."""
    credential = Credential(UID, USER, authenticators or (PHONE,), version=1, **more)
    return MemoryWorld({UID: credential})


@dataclass
class Played:
    """How a scripted conversation went."""

    verdict: Verdict
    told: list[str]
    asked: list[Ask]
    cuts: list[int]
    attempt: Attempt


def play(
    world: MemoryWorld,
    hello: Hello,
    *answers: str | Answer | None,
    now: Instant = NOON,
    root: bool = True,
    login: bool = True,
    before_answer: Callable[[], None] = lambda: None,
) -> Played:
    """Run a conversation through; every answer of the script must be asked for. None: the application cannot ask."""
    attempt = Attempt("0badc0de", hello, root, now, login)
    flow = converse(attempt, world)
    script = list(answers)
    played = Played(Verdict("", None), [], [], [], attempt)  # type: ignore[arg-type]
    reply: Any = None
    try:
        while True:
            step = flow.send(reply)
            reply = None
            match step:
                case Ask():
                    played.asked.append(step)
                    before_answer()
                    answer = script.pop(0)
                    reply = answer if isinstance(answer, Answer) else Answer(now, text=answer)
                case Tell(text):
                    played.told.append(text)
                case Cut(digits):
                    played.cuts.append(digits)
                case InGroups(names):
                    world.asked_groups += names
                    reply = world.groups & set(names)
                case PasswordVersion():
                    reply = world.password
                case Durable():
                    reply = world.disk
                    if reply:
                        world.written()
    except StopIteration as end:
        played.verdict = end.value
    assert not script, f"not asked for: {len(script)} answers"
    return played


# --- what ends what a good code has opened, as a trust or a grant


def end_by_lock(world: MemoryWorld) -> None:
    """Wrong codes from elsewhere."""
    for _ in range(3):
        play(world, replace(SSH, rhost="198.51.100.1"), wrong())


def end_by_reset(world: MemoryWorld) -> None:
    world.forget(UID)


def end_by_phone(world: MemoryWorld) -> None:
    other = Authenticator(Secret(b"another secret 12345"))
    world.credentials[UID] = replace(world.credentials[UID], authenticators=(PHONE, other))


def end_by_recovery_codes(world: MemoryWorld) -> None:
    world.credentials[UID] = replace(world.credentials[UID], recovery=recovery.new_set()[0])
