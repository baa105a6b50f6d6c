"""``harness merge``: makes one run of the runs of several shards."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli import options

_SUMMARY = "Make one run of several: of shards, or of other parts that were run with the same versions."


def main(arguments: Sequence[str]) -> None:
    """Make one run of several: of shards, or of other parts that were run with the same versions."""
    parser = options.parser("merge", _SUMMARY)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run folder: one that has a run.json")
    parser.add_argument(
        "--report-dir", type=Path, default=Path("reports/latest"), metavar="DIR", help="where the merged run goes"
    )
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="hold the run against this accepted state")
    parser.add_argument(
        "--strict", action="store_true", help="fail also for what is unstated, and for what vanished from the baseline"
    )
    parsed = parser.parse_args(arguments)

    from dataclasses import replace

    from harness.cli.github import tell_github
    from harness.cli.run import exit_status
    from harness.engine.baseline import standing
    from harness.engine.baseline_file import read_baseline
    from harness.engine.merging import merge_runs
    from harness.engine.store import Store, must_be_writable, store_folder
    from harness.report.grade import strict_sentence
    from harness.report.summary import print_summary
    from harness.report.terminal import default_console
    from harness.report.write import save_with_reports

    accepted = read_baseline(parsed.baseline) if parsed.baseline else None
    must_be_writable(parsed.report_dir)
    merged = merge_runs(parsed.runs, Store(store_folder(parsed.report_dir)))
    if accepted:
        merged = replace(merged, standing=standing(merged, accepted))
    saved = save_with_reports(merged, parsed.report_dir, strict=parsed.strict)
    print_summary(saved, parsed.report_dir, default_console())
    if parsed.strict and (sentence := strict_sentence(saved)):
        print(sentence)
    tell_github(saved, strict=parsed.strict)
    sys.exit(exit_status(saved, strict=parsed.strict))
