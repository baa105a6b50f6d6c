"""``harness conform``: whether an implementation does what a published one does, case by case."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.vocabulary import HarnessError, is_own

if TYPE_CHECKING:
    from harness.engine.conformance import Conformance
    from harness.engine.run import Options
    from harness.engine.workers import Pool
    from harness.vocabulary import Case


def conform(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Your implementation, as module:function.")],
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Scenario files or folders.", show_default="the shipped ones")
    ] = None,
    like: Annotated[
        str, typer.Option(metavar="SUBJECT", help="What it is held to.", show_default="whose signature it has")
    ] = "",
    known: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Known failures: the id of a case and a reason a line.")
    ] = None,
    keyword: Annotated[
        str, typer.Option("-k", metavar="EXPR", help="Only cases whose id matches, e.g. 'l2 and not clip'.")
    ] = "",
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", min=1, metavar="N", help="Workers.", show_default="one a core")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.001, metavar="S", help="Seconds that one outcome may take.")] = 300.0,
    report_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where the run folder goes.")] = Path(
        "reports/conform"
    ),
) -> None:
    """Hold an implementation to a published one, the smallest failure first."""
    from harness.scenario.paths import shipped_scenarios
    from harness.scenario.select import check_subject, load_cases

    for name in filter(None, (subject, like)):
        check_subject(name)
    if not like and not is_own(subject):
        raise HarnessError(f"{subject} is no implementation of yours: say with --like what it is held to.")
    if like == subject:
        raise HarnessError(f"expected two different subjects, got '{like}' twice.")
    files = paths or [shipped_scenarios()]
    every = load_cases(files, named=(subject, like))
    cases = load_cases(files, named=(subject, like), keyword=keyword) if keyword else every

    from harness.engine.conformance import read_known
    from harness.engine.run import Options
    from harness.engine.store import must_be_writable, store_folder

    failing = read_known(known, [case.id for case in every]) if known else {}
    must_be_writable(report_dir)
    options = Options(store_folder(report_dir), jobs=jobs or os.cpu_count() or 1, timeout=timeout, against=subject)
    workers = options.start_workers()
    try:
        status = _conform(subject, like, cases, failing, report_dir, options, workers)
    finally:
        workers.close()
    raise typer.Exit(status)


def _conform(
    subject: str,
    like: str,
    cases: Sequence[Case],
    known: dict[str, str],
    report_dir: Path,
    options: Options,
    workers: Pool,
) -> int:
    from harness.cli.github import add_to_summary
    from harness.engine.conformance import as_expected, conformance, questions
    from harness.engine.run import complete, execute
    from harness.report.conform import conform_lines, conform_markdown
    from harness.report.terminal import TerminalListener
    from harness.report.write import save_with_reports

    described = _described(subject, options, workers)
    like = like or described["like"]
    asked = _settled(questions(cases, subject, like, described["kinds"]), like, options, workers)
    with TerminalListener() as listener:
        finished = complete(execute(asked, options, shared=workers), listener.handle)
    result = conformance(finished, subject, like, known)
    saved = save_with_reports(as_expected(finished, result), report_dir)
    for line in conform_lines(result):
        print(line)
    markdown = conform_markdown(saved, result)
    print(f"report: {report_dir / 'report.html'}\n\n{markdown}", end="")
    add_to_summary(lambda: markdown)
    return 130 if finished.interrupted else exit_status(result)


def _settled(cases: Sequence[Case], like: str, options: Options, workers: Pool) -> list[Case]:
    """The cases, with the labels stated that ``like`` takes where a scenario leaves them to it."""
    from harness.engine.conformance import with_labels_stated
    from harness.engine.run import complete, execute

    left = [replace(case, subjects=(like,), expectations={}) for case in cases if "labels" not in case.attack]
    if not left:
        return list(cases)
    finished = complete(execute(left, replace(options, against=None), shared=workers), lambda event: None)
    if finished.interrupted:
        raise KeyboardInterrupt
    of_like = {record.case.id: record.outcome(like) for record in finished.cases}
    return [with_labels_stated(case, of_like[case.id]) if case.id in of_like else case for case in cases]


def _described(subject: str, options: Options, workers: Pool) -> dict[str, Any]:
    """The kinds of cases that the subject can be asked, and which other one has its signature."""
    from typing import get_args

    from harness.engine.describe import describe_own_subjects
    from harness.subjects.registry import load_subject
    from harness.vocabulary import Kind

    if not is_own(subject):
        return {"kinds": get_args(Kind)}
    # Of the two environments that there will be, and in which two of three subjects share the other one.
    limits = {load_subject(subject).ENVIRONMENT.name: max(1, round(options.jobs / 3))}
    return describe_own_subjects([subject], workers, limits=limits, timeout=options.timeout)[subject]


def exit_status(result: Conformance) -> int:
    """0 it conforms, but for what is known; 1 it does not; 2 the one that it is held to did not come to an end."""
    if result.failures:
        return 1
    return 2 if result.lost or not result.asked else 0
