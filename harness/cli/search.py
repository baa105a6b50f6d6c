"""``harness search``: random scenarios, run and explained, and what no cause explains as files that can be kept."""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.vocabulary import SUBJECTS, Case, HarnessError, is_own

if TYPE_CHECKING:
    from harness.explain.searching.search import Searched

_SUMMARY = "Look for divergences that no cause explains, in random scenarios."
_TIMEOUT = 150.0


def main(arguments: Sequence[str]) -> None:
    """Entry point of the command."""
    from harness.cli.options import parser

    options = parser("search", _SUMMARY)
    options.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="scenario files whose models and data are searched, with random settings (default: random ones)",
    )
    options.add_argument("--minutes", type=_positive, default=10.0, metavar="N", help="how long (10)")
    options.add_argument("--subjects", metavar="A,B", default="", help="only these, yours as module:function")
    options.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed gives the same scenarios (0)")
    options.add_argument("-j", "--jobs", type=int, metavar="N", help="workers (default: one a core)")
    options.add_argument(
        "--report-dir",
        type=Path,
        default=Path("reports/search"),
        metavar="DIR",
        help="where search.json goes (reports/search)",
    )
    options.add_argument(
        "--keep", type=Path, metavar="DIR", help="where findings are kept and replayed from (default: the report dir)"
    )
    options.add_argument("--allow-outside", action="store_true", help="let scenarios name files elsewhere")
    options.add_argument("--allow-code", action="store_true", help="let scenarios name Python functions")
    parsed = options.parse_intermixed_args(arguments)
    subjects = _subjects(parsed.subjects)
    if parsed.allow_code or any(map(is_own, subjects)):
        sys.path.insert(0, str(Path.cwd()))  # where a user's package lies; workers inherit it
    sys.exit(_search(parsed, subjects, _bases(parsed)))


def _subjects(text: str) -> tuple[str, ...]:
    from harness.scenario.select import check_subject

    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip())) or SUBJECTS
    for name in names:
        check_subject(name)
    if len(names) < 2:
        raise HarnessError(f"--subjects: expected at least two to compare, got {text!r}.")
    return tuple(filter(is_own, names)) + tuple(name for name in SUBJECTS if name in names)


def _bases(parsed: argparse.Namespace) -> tuple[Case, ...]:
    from harness.scenario.select import load_cases

    if not parsed.paths:
        return ()
    return tuple(load_cases(parsed.paths, allow_outside=parsed.allow_outside, allow_code=parsed.allow_code))


def _search(parsed: argparse.Namespace, subjects: tuple[str, ...], bases: tuple[Case, ...]) -> int:
    from harness.engine.run import Options
    from harness.engine.store import must_be_writable, write_atomically
    from harness.explain.searching.search import Question, search
    from harness.explain.searching.statistics import as_file, statistics
    from harness.scenario.paths import Permissions

    keep = parsed.keep or parsed.report_dir
    for folder in (parsed.report_dir, keep):
        must_be_writable(folder)
    own = frozenset(filter(is_own, subjects))
    question = Question(
        seconds=60.0 * parsed.minutes,
        subjects=subjects,
        seed=parsed.seed,
        keep=keep,
        bases=bases,
        permissions=Permissions(outside=True, code=parsed.allow_code, subjects=own),
        origin=f"Found by harness search --seed {parsed.seed} on {', '.join(subjects)}",
    )
    print(f"searching for {parsed.minutes:g} min with seed {parsed.seed}: {', '.join(subjects)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="harness-search-") as name:
        folder = Path(name)
        run = Options(folder / "store", jobs=parsed.jobs or os.cpu_count() or 1, timeout=_TIMEOUT)
        with closing(run.start_workers()) as workers:
            searched = search(question, run, workers, folder, _tell)
    figures = statistics(question, searched)
    path = parsed.report_dir / "search.json"
    write_atomically(path, as_file(figures))
    _summarize(figures)
    print(f"written: {path}")
    if searched.interrupted:
        return 130
    if not searched.ran and not searched.replayed:
        raise HarnessError(f"--minutes {parsed.minutes:g} was over before one scenario was run. Give it more.")
    return 1 if searched.anything else 0


def _tell(words: str, searched: Searched) -> None:
    from harness.report.text import printable

    if words:
        print(printable(words), flush=True)
        return
    pace = f"{len(searched.ran) / searched.running_seconds:.2f} a second" if searched.running_seconds else ""
    print(f"{searched.seconds:6.0f} s  {len(searched.ran):,} cases, {pace}, {len(searched.found)} found", flush=True)


def _summarize(figures: dict[str, Any]) -> None:
    from harness.explain.searching.statistics import unstated
    from harness.report.text import count, printable

    print()
    seconds, pace = figures["seconds"], figures["cases_per_second"]
    print(f"{count(figures['cases'], 'case')} in {seconds:.0f} s, {pace:.2f} a second while they ran")
    if refused := sum(figures["refused"].values()):
        print(f"{count(refused, 'random scenario')} that the loader refuses, and so not run; see search.json")
    width = max((len(pair) for pair in figures["verdicts"]), default=0)
    for pair, verdicts in figures["verdicts"].items():
        words = ", ".join(f"{number} {verdict}" for verdict, number in Counter(verdicts).most_common())
        print(f"  {pair.replace('|', ' and '):{width + 4}}  {words}")
    covered = sum(len(classes) for classes in figures["covered"].values())
    print(f"{covered} classes of values of {len(figures['covered'])} settings; how often each: search.json")
    if never := unstated(figures):
        print(textwrap.fill(f"in no case: {'; '.join(never)}", 120, subsequent_indent="  "))
    print(f"never searched: {', '.join(figures['never_stated'])}")
    for one in figures["replayed"]:
        print(printable(f"{one['path']}: {'still shows: ' + one['shows'][0] if one['shows'] else 'no longer shows'}"))
    _summarize_findings(figures)


def _summarize_findings(figures: dict[str, Any]) -> None:
    from harness.report.text import count, printable

    again = sum(bool(number) for number in figures["met_again"].values())
    if again:
        print(f"{count(again, 'known finding')} met again")
    if not figures["found"]:
        print("nothing new that no cause explains")
        return
    print(f"{count(len(figures['found']), 'finding')}:")
    for one in figures["found"]:
        sentence = one["sentence"] if len(one["sentence"]) <= 300 else f"{one['sentence'][:297]}..."
        print(printable(f"  {one['name']} ({count(one['cases'], 'case')}, first {one['case']}): {sentence}"))
        if one["numbers"]:
            print(f"    {one['numbers'][1]:,} numbers in place of {one['numbers'][0]:,}")
        for line in (*one["files"], one["note"]):
            if line:
                print(f"    {printable(line)}")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value
