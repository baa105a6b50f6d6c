"""The arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def parser(command: str, summary: str) -> argparse.ArgumentParser:
    """A parser for the arguments of ``harness COMMAND``; ``summary`` is the first line of its help."""
    return argparse.ArgumentParser(prog=f"harness {command}", description=summary, allow_abbrev=False)


def add_files(arguments: argparse.ArgumentParser) -> None:
    """Which scenario files, and what they may do."""
    from harness.scenario.select import DEFAULT_PATHS  # here, for the commands that read no scenario

    arguments.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        default=list(DEFAULT_PATHS),
        help="scenario files, or folders that hold some (default: scenarios)",
    )
    arguments.add_argument(
        "--allow-outside", action="store_true", help="let scenarios name files outside of their own folder"
    )
    arguments.add_argument(
        "--allow-code", action="store_true", help="let scenarios name Python functions, which are then run"
    )


def add_selection(arguments: argparse.ArgumentParser) -> None:
    """Which of their cases."""
    arguments.add_argument(
        "-k", "--keyword", metavar="EXPR", help="only cases whose id satisfies EXPR, e.g. 'linf and not clip'"
    )
    arguments.add_argument("-t", "--tag", help="only scenarios with this tag")
    arguments.add_argument("--subjects", metavar="A,B", type=_names, help="only these subjects, separated by commas")


def _names(text: str) -> Sequence[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
