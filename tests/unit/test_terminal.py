"""What a person types at a prompt of the command is the answer, from the moment the prompt stands there."""

import sys

import pexpect

# Writes E for a terminal that echoes, S for one that does not, in front of the prompt.
CHILD = """
import sys, termios
sys.path[:0] = {path!r}
from nas2fa.cli import terminal
class Told:
    def isatty(self): return True
    def flush(self): sys.__stdout__.flush()
    def write(self, text):
        echoes = termios.tcgetattr(0)[3] & termios.ECHO
        sys.__stdout__.write(("E" if echoes else "S") + text)
sys.stdout = Told()
terminal.ask("code: ", {echo})
"""


def test_a_secret_is_not_echoed_from_the_first_moment_on() -> None:
    """Turning the echo off throws away what was typed before, so it comes before the prompt."""
    for echo, sign in ((False, "S"), (True, "E")):
        child = pexpect.spawn(
            sys.executable, ["-c", CHILD.format(path=sys.path, echo=echo)], encoding="utf-8", timeout=20
        )
        child.expect("(.)code: ")
        assert child.match.group(1) == sign
        child.sendline("123456")
        child.expect(pexpect.EOF)
