#!/usr/bin/python3
"""Write the seed corpus of fuzz_relay: one file for each conversation that ought to be known to it."""

import struct
from pathlib import Path

GUARD, SPLIT, DECOY, PUBKEY, ACCOUNT, KEPT, UNKNOWN = 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80
PASSWORD, KEY, SAMBA, DEAF, NO_SHADOW = 0x01, 0x02, 0x04, 0x08, 0x10


def record(kind: str, text: bytes = b"") -> bytes:
    """One record of the input, as fuzz_relay.c describes it."""
    return kind.encode() + struct.pack("<H", len(text)) + text


def daemon(*packets: bytes) -> bytes:
    """What the daemon sends."""
    return b"".join(record("d", packet) for packet in packets)


ASK = b"sVerification code: "
CODE = record("a", b"123456")
STORED = record("h", b"$y$j9T$saltsaltsalt$hash")
ANSWERED = daemon(ASK, b"Vallow") + CODE

SEEDS = {
    "allow": (0, 0, ANSWERED),
    "allow-debug": (1, 0, ANSWERED),
    "pass": (0, 0, daemon(b"Vpass")),
    "deny": (0, 0, daemon(ASK, b"eWrong", ASK, b"Vdeny") + CODE + CODE),
    "locked": (0, 0, daemon(b"iLocked for 10 minutes", b"Vlocked")),
    "echo": (0, 0, daemon(b"oWhich? ", b"Vallow") + record("a", b"1")),
    "password-again": (0, PASSWORD, daemon(ASK, b"Vallow") + record("a", b"secret")),
    "null-answer": (0, 0, daemon(ASK, b"Vallow") + record("n")),
    "conversation-error": (0, 0, daemon(ASK, b"Vallow") + record("c")),
    "long-answer": (0, 0, daemon(ASK, b"Vallow") + record("a", b"a" * 600)),
    "split": (SPLIT, 0, daemon(b"t6", b"Vpass") + record("a", b"secret123456")),
    "split-8": (SPLIT, PASSWORD, daemon(b"t8", b"Vpass")),
    "split-twice": (SPLIT, 0, daemon(b"t6", b"t7", b"Vpass")),
    "kept": (KEPT, PASSWORD, ANSWERED),
    "kept-repeated": (KEPT, PASSWORD, daemon(ASK, ASK, b"Vdeny") + record("a", b"secret271828")),
    "decoy": (DECOY, 0, ANSWERED),
    "decoy-kept": (DECOY | KEPT, 0, ANSWERED),
    "decoy-unknown": (DECOY | UNKNOWN, 0, ANSWERED),
    "unknown": (UNKNOWN, 0, ANSWERED),
    "pubkey": (PUBKEY, KEY, ANSWERED),
    "pubkey-denied": (PUBKEY, KEY, daemon(ASK, b"Vdeny") + CODE),
    "pubkey-without-key": (PUBKEY, 0, ANSWERED),
    "account": (ACCOUNT, 0, daemon(b"Vignore")),
    "guard": (ACCOUNT | GUARD, 0, daemon(b"eA code is wanted", b"Vdeny")),
    "samba": (ACCOUNT, SAMBA, daemon(b"Vexpired")),
    "deaf": (0, DEAF, ANSWERED),
    "nul": (0, 0, daemon(b"Vallow\0text")),
    "empty-packet": (0, 0, daemon(b"", b"Vallow")),
    "too-big": (0, 0, daemon(b"i" * 5000, b"Vallow")),
    "long-question": (0, 0, daemon(b"s" + b"q" * 512, b"Vallow") + CODE),
    "long-tell": (0, 0, daemon(b"i" + b"t" * 4001, b"Vallow")),
    "endless": (0, 0, daemon(*[b"iwait"] * 34, b"Vallow")),
    "left-unread": (0, 0, daemon(*[b"iwait"] * 20, b"Vpass", b"iwait", b"iwait", b"Vallow")),
    "groups": (0, 0, daemon(b"gusers:sudo:wheel", ASK, b"Vallow") + CODE),
    "groups-empty": (0, 0, daemon(b"g", b"g::", b"Vpass")),
    "groups-most": (0, 0, daemon(b"g" + b":" * 63, b"Vpass")),
    "groups-too-many": (0, 0, daemon(b"g" + b":" * 64, b"Vpass")),
    "groups-of-the-unknown": (DECOY | UNKNOWN, 0, daemon(b"gsudo", ASK, b"Vdeny") + CODE),
    "version": (0, 0, daemon(b"k", b"Vpass") + STORED),
    "version-bcrypt": (0, 0, daemon(b"k", b"Vpass") + record("h", b"!$2b$05$" + b"s" * 22 + b"h" * 31)),
    "version-too-long": (0, 0, daemon(b"k", b"Vpass") + record("h", b"$y$" + b"s" * 600 + b"$hash")),
    "version-without-salt": (0, 0, daemon(b"k", b"Vpass") + record("h", b"ab0123456789.")),
    "version-without-shadow": (0, NO_SHADOW, daemon(b"k", b"Vpass")),
    "version-with-a-body": (0, 0, daemon(b"k1", b"Vpass") + STORED),
    "facts-split": (SPLIT, 0, daemon(b"gsudo", b"k", b"t6", b"Vpass") + STORED + record("a", b"secret123456")),
    "facts-after-the-answer": (0, 0, daemon(ASK, b"gsudo", b"k", b"Vallow") + STORED + CODE),
    "facts-after-the-password": (0, PASSWORD, daemon(ASK, b"gsudo", b"Vallow") + record("a", b"secret")),
    "version-after-the-password": (0, PASSWORD, daemon(ASK, b"k", b"Vpass") + STORED + record("a", b"secret")),
    "facts-after-no-answer": (0, 0, daemon(ASK, b"k", b"Vpass") + STORED + record("n")),
    "unknown-type": (0, 0, daemon(b"z", b"Vallow")),
    "unknown-word": (0, 0, daemon(b"Vallowed")),
}


def main() -> None:
    """Write them beside this program, in seeds/."""
    folder = Path(__file__).parent / "seeds"
    folder.mkdir(exist_ok=True)
    for name, (args, setting, records) in SEEDS.items():
        (folder / name).write_bytes(bytes([args, setting]) + records)


if __name__ == "__main__":
    main()
