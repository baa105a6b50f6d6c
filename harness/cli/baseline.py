"""``harness baseline``: accepts the state of a run, shows what is accepted, and removes what no longer exists."""

from __future__ import annotations

import argparse
import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.cli import options
from harness.engine.baseline_file import DEFAULT_FILE, Baseline, read_baseline, write_baseline
from harness.vocabulary import HarnessError

_SUMMARY = "Accept the state of a run, show what is accepted, or remove what no longer exists."
_RUN = Path("reports/latest")


def main(arguments: Sequence[str]) -> None:
    """Accept the state of a run, show what is accepted, or remove what no longer exists."""
    parser = options.parser("baseline", _SUMMARY)
    commands = parser.add_subparsers(metavar="accept|show|prune", required=True)

    accepting = commands.add_parser("accept", help="accept the state of cases of a run", allow_abbrev=False)
    accepting.add_argument("cases", nargs="*", metavar="CASE", help="ids, or expressions as harness run -k takes them")
    accepting.add_argument("--all", action="store_true", help="all cases of the run")
    accepting.add_argument("--reason", default="", metavar="TEXT", help="why divergences that no scenario expects are")
    accepting.add_argument(
        "--expires", default="", metavar="YYYY-MM-DD", help="the last day on which these are accepted"
    )
    accepting.set_defaults(command=_accept)

    showing = commands.add_parser("show", help="show what is accepted", allow_abbrev=False)
    showing.add_argument(
        "cases", nargs="*", metavar="CASE", help="ids, or expressions; all accepted divergences if none"
    )
    showing.set_defaults(command=_show)

    pruning = commands.add_parser(
        "prune", help="remove what the scenario files of a run no longer have", allow_abbrev=False
    )
    pruning.set_defaults(command=_prune)

    for one in (accepting, pruning):
        one.add_argument("--run", type=Path, default=_RUN, metavar="DIR", help=f"a run folder (default: {_RUN})")
    for one in (accepting, showing, pruning):
        text = f"the accepted state (default: {DEFAULT_FILE})"
        one.add_argument("--baseline", type=Path, default=DEFAULT_FILE, metavar="FILE", help=text)
    parsed = parser.parse_args(arguments)
    parsed.command(parsed)


def _accept(parsed: argparse.Namespace) -> None:
    _refuse_in_ci(os.environ)
    reason, expires = " ".join(parsed.reason.split()), _day(parsed.expires)

    from harness.engine.accepting import accept
    from harness.engine.choosing import choose_cases
    from harness.engine.record import load_run
    from harness.report.standing import accepted_lines

    run = load_run(parsed.run)
    baseline = read_baseline(parsed.baseline) if parsed.baseline.exists() else Baseline(parsed.baseline)
    chosen = choose_cases([record.case.id for record in run.cases], parsed.cases, everything=parsed.all)
    acceptance = accept(run, baseline, chosen, reason=reason, expires=expires)
    write_baseline(acceptance.baseline)
    print("\n".join(accepted_lines(acceptance)))


def _show(parsed: argparse.Namespace) -> None:
    from harness.engine.choosing import choose_cases
    from harness.report.standing import case_lines, divergence_lines

    baseline = read_baseline(parsed.baseline)
    if not parsed.cases:
        print("\n".join(divergence_lines(baseline)))
        return
    for case in choose_cases(sorted(baseline.accepted), parsed.cases, everything=False):
        print("\n".join(case_lines(case, baseline.accepted[case])))


def _prune(parsed: argparse.Namespace) -> None:
    _refuse_in_ci(os.environ)

    from harness.engine.accepting import prune
    from harness.engine.baseline import Scope
    from harness.engine.record import load_run
    from harness.report.standing import pruned_lines
    from harness.scenario.select import load_cases

    baseline, run = read_baseline(parsed.baseline), load_run(parsed.run)
    files = dict.fromkeys(Path(record.case.location.file) for record in run.cases)
    there = [file for file in files if file.exists()]
    # Nothing is run or read here but what the files say of themselves, so that they may name whatever they like.
    cases = load_cases(there, allow_outside=True, allow_code=True) if there else []
    folders = list(dict.fromkeys(file.parent for file in files))
    pruned, gone = prune(baseline, Scope(cases, folders))
    if gone:
        write_baseline(pruned)
    print("\n".join(pruned_lines(baseline, gone)))


def _refuse_in_ci(environment: Mapping[str, str]) -> None:
    """What a person has looked at is accepted; a machine that accepts what it finds would never fail."""
    for name in ("CI", "GITHUB_ACTIONS"):
        if environment.get(name, "").lower() not in ("", "false", "0"):
            raise HarnessError(
                f"a baseline is not changed in CI ({name}={environment[name]}). "
                "Accept on your own machine, from the run folder that CI keeps, and commit the file."
            )


def _day(text: str) -> str:
    """A day that is still to come, or empty."""
    if not text:
        return ""
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise HarnessError(f"--expires: expected a day as YYYY-MM-DD, got {text!r}.") from None
    if day < datetime.datetime.now(datetime.timezone.utc).date():
        raise HarnessError(f"--expires: {text} has passed already. Name a day to come, or leave it out.")
    return day.isoformat()
