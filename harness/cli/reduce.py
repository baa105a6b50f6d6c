"""``harness reduce``: the smallest case that still shows what a pair of subjects does in a given one."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.vocabulary import Case, HarnessError, is_own

if TYPE_CHECKING:
    from harness.explain.reducing.reduction import Progress, Reduction


def main(arguments: Sequence[str]) -> None:
    """Entry point of the command."""
    from harness.cli.options import add_files, parser

    options = parser("reduce", "Make a case smaller while the verdict of a pair, and its cause, stay.")
    options.add_argument("case", metavar="CASE", help="the id of a case, or an expression that only one id satisfies")
    add_files(options)
    options.add_argument("--pair", metavar="A,B", required=True, help="two subjects, separated by a comma")
    options.add_argument("-o", "--output", type=Path, metavar="FILE", help="(default: SCENARIO-reduced.yaml)")
    options.add_argument("--seconds", type=_positive, default=60.0, metavar="N", help="after which to stop (60)")
    options.add_argument("-j", "--jobs", type=int, metavar="N", help="workers (default: one a core)")
    parsed = options.parse_args(arguments)
    pair = _pair(parsed.pair)
    if parsed.allow_code or any(map(is_own, pair)):
        sys.path.insert(0, str(Path.cwd()))  # where a user's package lies; workers inherit it
    case = _case(parsed, pair)
    output = parsed.output or Path(f"{case.scenario}-reduced.yaml")
    _check_output(output)
    reduction = _reduce(case, pair, parsed)
    _write(reduction, output, parsed)
    sys.exit(130 if reduction.ended == "interrupted" else 0)


def _pair(text: str) -> tuple[str, str]:
    from harness.scenario.select import check_subject

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        check_subject(name)
    if len(names) != 2 or names[0] == names[1]:
        raise HarnessError(f"--pair: expected two different subjects, e.g. nsl,cleverhans-v4, got {text!r}.")
    return names[0], names[1]


def _case(parsed: argparse.Namespace, pair: tuple[str, str]) -> Case:
    from harness.scenario.select import load_cases

    paths = parsed.paths
    cases = load_cases(paths, named=pair, allow_outside=parsed.allow_outside, allow_code=parsed.allow_code)
    named = [case for case in cases if case.id == parsed.case]
    if not named:
        from harness.engine.choosing import choose_cases

        chosen = choose_cases([case.id for case in cases], [parsed.case], everything=False)
        named = [case for case in cases if case.id in chosen]
    if len(named) > 1:
        few = ", ".join(case.id for case in named[:4]) + (", ..." if len(named) > 4 else "")
        raise HarnessError(f"expected one case, got {len(named)} that satisfy '{parsed.case}': {few}")
    return named[0]


def _check_output(output: Path) -> None:
    from harness.engine.store import must_be_writable
    from harness.scenario.select import ENDINGS

    if output.suffix not in ENDINGS:
        raise HarnessError(f"-o: expected a file that ends in {' or '.join(ENDINGS)}, got {output}.")
    must_be_writable(output.parent)


def _reduce(case: Case, pair: tuple[str, str], parsed: argparse.Namespace) -> Reduction:
    from harness.engine.run import Options
    from harness.explain.explaining import explain_run
    from harness.explain.reducing.reduction import reduce_case
    from harness.explain.reducing.trial import Trials
    from harness.scenario.paths import Permissions

    permissions = Permissions(outside=True, code=parsed.allow_code, subjects=frozenset(filter(is_own, pair)))
    with tempfile.TemporaryDirectory(prefix="harness-reduce-") as folder:
        jobs = parsed.jobs or os.cpu_count() or 1
        run = Options(Path(folder, "store"), jobs=jobs, timeout=max(60.0, parsed.seconds))
        with closing(run.start_workers()) as workers:
            causes = partial(explain_run, options=run, workers=workers)
            trials = Trials(_ordered(pair, case), workers, run, permissions, Path(folder), causes)
            print(f"{case.id}: {' and '.join(pair)}", flush=True)
            return reduce_case(case, trials, seconds=parsed.seconds, listen=_tell)


def _ordered(pair: tuple[str, str], case: Case) -> tuple[str, str]:
    """In table order; a user's own in front."""
    places = {name: index for index, name in enumerate(case.subjects)}
    first, second = sorted(pair, key=lambda name: places.get(name, -1))
    return first, second


def _tell(progress: Progress) -> None:
    print(f"{progress.seconds:6.1f} s  {progress.what}: {progress.numbers} ({progress.tried} tried)", flush=True)


def _write(reduction: Reduction, output: Path, parsed: argparse.Namespace) -> None:
    from harness.explain.reducing.reduction import write_reduction

    files = write_reduction(reduction, output)
    first, last, verdict = reduction.first.numbers, reduction.last.numbers, reduction.last.symptom.verdict
    print(f"{verdict} with {last}, in place of {first.total:,}")
    why = {"fixed point": "nothing more can be left out", "time": "the time was over (--seconds)"}
    print(f"{reduction.seconds:.1f} s, {reduction.tried} tried; {why.get(reduction.ended, 'interrupted')}")
    flags = "".join(f" {flag}" for flag in _flags(reduction, output, parsed))
    print(f"written: {', '.join(map(str, files))}\nrun it: harness run {output}{flags}")


def _flags(reduction: Reduction, output: Path, parsed: argparse.Namespace) -> list[str]:
    model, data = reduction.last.draft.model, reduction.last.draft.data
    files = [Path(section[name]) for section, name in ((model, "keras"), (data, "path")) if name in section]
    outside = any(not file.is_relative_to(output.parent.resolve()) for file in files)
    own = any(map(is_own, reduction.last.draft.subjects))
    return ["--allow-outside"] * outside + ["--allow-code"] * (parsed.allow_code or own)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value
