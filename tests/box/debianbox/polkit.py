"""polkit in a box: it asks whoever called, by the agent that a desktop has."""

from __future__ import annotations

from .machine import Box

# Else it would offer all who are in the group sudo.
_RULE = 'polkit.addAdminRule(function(action, subject) { return ["unix-user:" + subject.user]; });\n'

# pkexec's own agent is at a loss where there is no session.
_ASK = """\
#!/bin/sh
ready=$(mktemp -u)
mkfifo "$ready"
pkttyagent --notify-fd 3 --process $$ 3>"$ready" &
cat "$ready"
pkexec --disable-internal-agent "$@"
kill $!
"""


def prepare_polkit(box: Box) -> None:
    """From now on `ask-polkit COMMAND` runs a command as root, once its caller has proved to be itself."""
    box.write("/etc/polkit-1/rules.d/10-ask-oneself.rules", _RULE)
    box.write("/usr/local/bin/ask-polkit", _ASK, mode=0o755)
