"""`nas2fa system …`: the second step for the whole box."""

from __future__ import annotations

import click

from nas2fa.cli.check import check
from nas2fa.cli.enable import enable
from nas2fa.cli.switch import confirm, disable, status


@click.group()
def system() -> None:
    """Switch 2-step verification on for the whole box, and check it (root)."""


for command in (enable, confirm, disable, status, check):
    system.add_command(command)
