"""The command ``harness``: finds the command by its name, and only then imports what that needs.

``list``, ``validate`` and ``schema`` read their arguments with argparse. Before it converts one argument, typer imports
pydantic, and that takes longer than these commands do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Literal, NamedTuple

from harness import __version__
from harness.vocabulary import HarnessError


class Command(NamedTuple):
    """Where a command is, who reads its arguments, and the first line of its own help."""

    place: str
    arguments: Literal["argparse", "typer"]
    help: str


COMMANDS = {
    "run": Command("harness.cli.run:run", "typer", "Run scenarios on every subject and report which of them agree."),
    "list": Command("harness.cli.list:main", "argparse", "Show the ids of the selected cases, one line each."),
    "validate": Command("harness.cli.validate:main", "argparse", "Check scenario files and show all errors at once."),
    "schema": Command("harness.cli.schema:main", "argparse", "Print the JSON Schema of scenario files, for editors."),
    "explain": Command(
        "harness.cli.explain:main",
        "argparse",
        "Say what a cause of a divergence is: who does what, when it matters, how to set the libraries alike.",
    ),
    "report": Command("harness.cli.report:report", "typer", "Make a report of a finished run again."),
    "conform": Command(
        "harness.cli.conform:conform", "typer", "Hold an implementation to a published one, the smallest failure first."
    ),
    "judge": Command(
        "harness.cli.judge:main", "argparse", "Judge a finished run again with other tolerances, without running it."
    ),
    "merge": Command(
        "harness.cli.merge:main",
        "argparse",
        "Make one run of several: of shards, or of other parts that were run with the same versions.",
    ),
    "diff": Command(
        "harness.cli.diff:main", "argparse", "Compare two runs, of other machines or versions, array by array."
    ),
    "reduce": Command(
        "harness.cli.reduce:main", "argparse", "Make a case smaller while the verdict of a pair, and its cause, stay."
    ),
    "repro": Command(
        "harness.cli.repro:main",
        "argparse",
        "Write one Python file that shows a case on two libraries, without this project.",
    ),
    "search": Command(
        "harness.cli.search:main", "argparse", "Look for divergences that no cause explains, in random scenarios."
    ),
    "baseline": Command(
        "harness.cli.baseline:main",
        "argparse",
        "Accept the state of a run, show what is accepted, or remove what no longer exists.",
    ),
    "store": Command(
        "harness.cli.store:main",
        "argparse",
        "Show what earlier runs left for later ones, or remove what was not used for longest.",
    ),
    "doctor": Command(
        "harness.cli.doctor:doctor",
        "typer",
        "Show the state of every subject: installed, version, environment, why not and how to mend it.",
    ),
}

_HELP = """\
Usage: harness COMMAND [ARGUMENTS]

Settles whether two implementations of an adversarial attack do the same thing.

Commands:
{commands}

Options:
  --version   Show the version.
  -h, --help  Show this help; after a command, the help of that command.

Exit status: 0 all as expected, 1 something unexpected, 2 could not do its job, 130 interrupted."""


def main() -> None:
    """Entry point of the command line."""
    try:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # for terminals without Unicode
        try:
            _dispatch(sys.argv[1:])
        finally:
            sys.stdout.flush()
    except HarnessError as error:
        from harness.report.text import printable  # whatever names and texts of others it cites

        print(*map(printable, str(error).split("\n")), sep="\n", file=sys.stderr)
        if "GITHUB_ACTIONS" in os.environ:
            from harness.cli.github import annotate_error

            annotate_error(error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Nobody reads on. What is left in the buffer would fail once more when Python flushes it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _dispatch(arguments: Sequence[str]) -> None:
    name, *rest = arguments or [""]
    if name in ("-h", "--help"):
        print(_help())
    elif name == "--version":
        print(f"harness {__version__}")
    elif name in COMMANDS:
        _call(name, rest)
    elif not name:
        raise HarnessError(_help())
    else:
        from harness.scenario.complaints import did_you_mean

        raise HarnessError(f"'{name}' is not a command. {did_you_mean(name, tuple(COMMANDS))} See harness --help.")


def _call(name: str, arguments: Sequence[str]) -> None:
    module, _, function = COMMANDS[name].place.partition(":")
    command = getattr(import_module(module), function)
    if COMMANDS[name].arguments == "argparse":
        command(arguments)
        return

    import typer

    app = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
    )
    app.command()(command)
    app(arguments, prog_name=f"harness {name}")


def _help() -> str:
    width = max(map(len, COMMANDS))
    return _HELP.format(commands="\n".join(f"  {name:{width}}  {command.help}" for name, command in COMMANDS.items()))
