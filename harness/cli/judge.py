"""``harness judge``: judges a finished run again, with other tolerances, without running anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli import options

_SUMMARY = "Judge a finished run again with other tolerances, without running it."


def main(arguments: Sequence[str]) -> None:
    """Judge a finished run again with other tolerances, without running it."""
    parser = options.parser("judge", _SUMMARY)
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder: one that has a run.json")
    options.add_limits(parser, "as the run was judged")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="hold the judged run against this accepted state")
    parser.add_argument("--all", action="store_true", help="list all divergences, not the nearest to passing only")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write the judged run and its reports there")
    parsed = parser.parse_args(arguments)

    from dataclasses import replace

    from harness.engine.baseline import standing
    from harness.engine.baseline_file import read_baseline
    from harness.engine.judging import judge_again, rejudged
    from harness.engine.record import load_run
    from harness.report.judged import changed_lines, divergence_lines
    from harness.report.summary import print_summary
    from harness.report.terminal import default_console

    accepted = read_baseline(parsed.baseline) if parsed.baseline else None
    before = load_run(parsed.run)
    after = judge_again(before, options.limits(parsed))
    if accepted:
        after = replace(after, standing=standing(after, accepted))
    elif before.standing:
        print(f"the run was held against {before.standing.file}; --baseline holds it against a baseline again")
    print("\n".join(changed_lines(rejudged(before, after))))
    print("\n".join(divergence_lines(after, everything=parsed.all)), flush=True)
    folder = Path(os.devnull)  # the reports of the run say what it was judged to be before
    if parsed.output:
        from harness.report.write import save_with_reports

        folder = parsed.output
        after = save_with_reports(after, folder)
    print_summary(after, folder, default_console())

    from harness.cli.run import exit_status

    sys.exit(exit_status(after))
