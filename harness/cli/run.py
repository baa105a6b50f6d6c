"""``harness run``: runs scenarios on every subject, reports, and ends with the status that CI reads."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.engine.record import Run


def run(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Scenario files or folders.", show_default="scenarios, else the shipped ones"),
    ] = None,
    keyword: Annotated[
        str, typer.Option("-k", metavar="EXPR", help="Only cases whose id matches, e.g. 'l2 and not clip'.")
    ] = "",
    tag: Annotated[str, typer.Option("-t", "--tag", metavar="TAG", help="Only scenarios with this tag.")] = "",
    subjects: Annotated[str, typer.Option(metavar="A,B", help="Only these subjects; yours as module:function.")] = "",
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, metavar="N", help="Workers.", show_default="one a core")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Compute on the Dask cluster of this scheduler.")
    ] = None,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Only this share of the cases, e.g. 1/3; see merge.")] = "",
    timeout: Annotated[float, typer.Option(min=0.001, metavar="S", help="Seconds that one outcome may take.")] = 300.0,
    report_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where the run folder goes.")] = Path(
        "reports/latest"
    ),
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Hold the run against this accepted state.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail also for what is unstated, and for what vanished from the baseline.")
    ] = False,
    weights_of: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Take the cases' weights from this run folder.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Compute everything anew, whatever earlier runs left.")
    ] = False,
    no_explain: Annotated[
        bool, typer.Option("--no-explain", help="Do not look for the causes of divergences, nor what to set.")
    ] = False,
    allow_code: Annotated[bool, typer.Option("--allow-code", help="Run Python that a scenario names.")] = False,
    allow_outside: Annotated[
        bool, typer.Option("--allow-outside", help="Let a scenario name files outside of its own folder.")
    ] = False,
) -> None:
    """Run scenarios on every subject and report which of them agree."""
    from harness.scenario.select import default_paths, load_cases

    if allow_code:
        sys.path.insert(0, str(Path.cwd()))  # where a user's package lies; workers inherit it
    files = paths or default_paths()
    names = [name.strip() for name in subjects.split(",")] if subjects else None
    cases = load_cases(
        files,
        keyword=keyword or None,
        tag=tag or None,
        subjects=names,
        allow_outside=allow_outside,
        allow_code=allow_code,
    )

    from harness.cli.github import tell_github
    from harness.engine.baseline import Scope, standing
    from harness.engine.baseline_file import read_baseline
    from harness.engine.record import load_run
    from harness.engine.run import Options
    from harness.engine.shards import parse_shard, take_shard
    from harness.engine.store import must_be_writable, store_folder
    from harness.explain.explaining import execute_explained
    from harness.report.grade import strict_sentence
    from harness.report.terminal import TerminalListener
    from harness.report.write import save_with_reports

    options = Options(
        store=store_folder(report_dir),
        jobs=jobs or os.cpu_count() or 1,
        timeout=timeout,
        fresh=fresh,
        weights_of=load_run(weights_of) if weights_of else None,
        scheduler=scheduler,
    )
    must_be_writable(report_dir)
    accepted = read_baseline(baseline) if baseline else None
    every = cases
    share = None
    if shard:
        cases, share = take_shard(cases, parse_shard(shard))
    if accepted and (keyword or tag or names):
        every = load_cases(files, named=names or (), allow_outside=allow_outside, allow_code=allow_code)
    with TerminalListener() as listener:
        finished = execute_explained(cases, options, listener.handle, explain=not no_explain)
    finished = replace(finished, shard=share)
    if accepted:
        finished = replace(finished, standing=standing(finished, accepted, Scope(every, files)))
    saved = save_with_reports(finished, report_dir, strict=strict)
    listener.summarize(saved, report_dir)
    if strict and (sentence := strict_sentence(saved)):
        print(sentence)
    tell_github(saved, strict=strict)
    raise typer.Exit(exit_status(saved, strict=strict))


def exit_status(run: Run, *, strict: bool = False) -> int:
    """0 all as expected, 1 something unexpected, 2 a subject could not start, 130 interrupted."""
    if run.interrupted:
        return 130
    if any("unavailable" in description for description in run.subjects.values()):
        return 2
    from harness.report.grade import run_fails

    return 1 if run_fails(run, strict=strict) else 0
