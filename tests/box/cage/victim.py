"""A root process without capabilities, for cage.ways to lay hands on: only the cage of the other one protects it."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

sys.path.append("/usr/lib/python3/dist-packages")

from systemd import daemon

with socket.socket(socket.AF_UNIX) as listener:
    listener.bind("\0nas2fa-probe")
    listener.listen()
    controller, terminal = os.openpty()
    Path("/run/victim.tty").write_text(os.ttyname(terminal))
    daemon.notify("READY=1")
    while True:
        signal.pause()
