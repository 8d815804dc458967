"""`nas2fa system …`: the second step for the whole box."""

from __future__ import annotations

import click

from nas2fa.cli.check import check


@click.group()
def system() -> None:
    """Switch the second step on for the whole box, and check it (root)."""


system.add_command(check)
