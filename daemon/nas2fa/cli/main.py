"""Entry point of `nas2fa`: the commands, each loaded only when called, and the exit codes.

0 done, 1 refused, 2 usage, 3 daemon unreachable. (`system check` has those of a Nagios plugin.)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from nas2fa import __version__
from nas2fa.cli import terminal
from nas2fa.cli.advice import REFUSED, complain
from nas2fa.cli.box import Box
from nas2fa.errors import Nas2faError, UnreachableError

DONE, USAGE = 0, 2

COMMANDS = {  # name: (module in nas2fa.cli, what it does in one line, so that --help loads nothing)
    "setup": ("setup", "Set up 2-step verification, step by step."),
    "status": ("own", "Show whether and how an account is protected."),
    "test": ("own", "Try a code: the real decision, without logging in."),
    "authenticator": ("authenticators", "Show, add and remove your phones, when you have several."),
    "disable": ("own", "Switch 2-step verification off for an account."),
    "recovery-codes": ("own", "Replace the ten recovery codes."),
    "user": ("users", "Manage the users of this box (root)."),
    "system": ("system", "The second step for the whole box: on, off, check (root)."),
    "exempt": ("exempt", "Ask no code of one account, from one network, until a day (root)."),
    "unlock": ("shares", "Open the file shares (SMB) to one computer, by a code."),
    "attempts": ("shares", "Show refused logins to the file shares; approve one."),
    "grants": ("shares", "Show and end the leave to open file shares."),
    "smb": ("smb", "Single file shares (SMB) that need a code (root)."),
    "rescue-clock": ("rescue_clock", "Find the lost time by two codes, and set the clock (root)."),
    "clock": ("clock", "Show whether the clock of this box can be trusted."),
    "explain": ("explain", "Show why attempts ended as they did (root)."),
    "repair": ("repair", "Check the records, and repair them (root)."),
    "health": ("repair", "Show how nas2fad is (root)."),
    "version": ("main", "Show the version."),
}


class LazyGroup(click.Group):
    """Loads the module of a command when it is called, so that none waits for the others' libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's interface, and below)
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"nas2fa.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in --help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--root", type=click.Path(), help="Talk to the private nas2fad under this directory.")
@click.version_option(__version__, prog_name="nas2fa", message="%(prog)s %(version)s")
@click.pass_context
def nas2fa(context: click.Context, root: str | None) -> None:
    """2-step verification for the logins of this box."""
    context.obj = Box(root)


@click.command()
def version() -> None:
    """Show the version."""
    terminal.say(f"nas2fa {__version__}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    terminal.prepare()
    try:
        outcome = nas2fa.main(
            args=None if arguments is None else list(arguments), prog_name="nas2fa", standalone_mode=False
        )
        return outcome if isinstance(outcome, int) else DONE
    except click.ClickException as error:
        error.show()
        return USAGE
    except (Nas2faError, UnreachableError) as error:
        return complain(error)
    except (click.Abort, KeyboardInterrupt):
        terminal.warn("\nNothing was changed.")
        return REFUSED
    except OSError as error:
        return _output_lost(error)


def _output_lost(error: OSError) -> int:
    """Standard output is full, or nobody reads it any more (`nas2fa user list | head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer ends quietly
    if not isinstance(error, BrokenPipeError):
        terminal.warn(f"nas2fa: {error.strerror}")
    return REFUSED
