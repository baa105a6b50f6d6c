"""The arguments that several commands share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

_LIMITS = {
    "max_roundoff": "of perturbations, in units of round-off",
    "max_gradient_roundoff": "of losses and gradients, in units of round-off",
    "max_times_twin": "of trainings, distance over that of the noise twin",
}
"""What may be given another value of ``harness.oracle.verdicts.Tolerance``."""


def parser(command: str, summary: str) -> argparse.ArgumentParser:
    """A parser for the arguments of ``harness COMMAND``; ``summary`` is the first line of its help."""
    return argparse.ArgumentParser(prog=f"harness {command}", description=summary, allow_abbrev=False)


def add_files(arguments: argparse.ArgumentParser) -> None:
    """Which scenario files, and what they may do."""
    from harness.scenario.select import default_paths  # here, for the commands that read no scenario

    arguments.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        default=default_paths(),
        help="scenario files, or folders that hold some (default: scenarios, or where there is none, the shipped ones)",
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


def add_limits(arguments: argparse.ArgumentParser, default: str) -> None:
    """What counts as round-off; ``default`` says what does without them."""
    for name, meaning in _LIMITS.items():
        text = f"{meaning} (default: {default})"
        arguments.add_argument(f"--{name.replace('_', '-')}", type=_limit, metavar="N", help=text)


def limits(parsed: argparse.Namespace) -> dict[str, float]:
    """The limits that were given, by field of ``Tolerance``."""
    return {name: getattr(parsed, name) for name in _LIMITS if getattr(parsed, name) is not None}


def _limit(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"expected a number of 0 or more, got {text!r}")
    return value


def _names(text: str) -> Sequence[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
