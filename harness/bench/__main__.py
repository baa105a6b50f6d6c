"""``python -m harness.bench``: measures, prints one table, and leaves it in ``reports/bench.json`` and as a picture."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from harness.bench import (
    attacks,
    clustered,
    memory,
    reference,
    scale,
    simulation,
    start_up,
    training,
    waiting,
    whole_set,
)
from harness.bench.grid import PER_MODEL
from harness.bench.picture import draw, read_rows
from harness.bench.rows import Row
from harness.bench.table import table
from harness.engine import fingerprint
from harness.engine.store import write_atomically
from harness.vocabulary import FORMAT_VERSION, SUBJECTS, HarnessError

SHIPPED = Path("scenarios")
SCENARIOS = SHIPPED / "perturbation"
QUICK_SIZES = (100, 300)
QUICK_SIMULATED = 1000


def main() -> int:
    """Returns the exit status: 0, also when a limit does not hold; 2 when something could not be measured."""
    arguments = _parser().parse_args()
    clock = time.monotonic()
    measured: dict[str, str] = {}
    rows: list[Row] = []
    failures: dict[str, str] = {}
    sizes = arguments.cases or (QUICK_SIZES if arguments.quick else scale.SIZES)
    simulated = arguments.simulated or (QUICK_SIMULATED if arguments.quick else simulation.CASES)
    sections = _sections(arguments.scenarios, quick=arguments.quick, sizes=sizes, simulated=simulated)
    for name in arguments.only or sections:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        measured[name] = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        try:
            rows += sections[name]()
        except HarnessError as error:
            failures[name] = str(error)
    if arguments.keep:
        rows, measured = _with_earlier(arguments.output, rows, measured, order=list(sections))
    print(table(rows))
    for name, reason in failures.items():
        print(f"{name} could not be measured: {reason}", file=sys.stderr)
    body = {
        "format_version": FORMAT_VERSION,
        "measured": measured,
        "seconds": round(time.monotonic() - clock, 3),
        "quick": arguments.quick,
        "environment": {**fingerprint.environment(), "cores": os.cpu_count()},
        "rows": [row.to_json() for row in rows],
        "failures": failures,
    }
    write_atomically(arguments.output, (json.dumps(body, indent=1, allow_nan=False) + "\n").encode())
    draw(rows, arguments.picture or arguments.output.with_suffix(".png"))
    return 2 if failures else 0


def _with_earlier(
    file: Path, rows: Sequence[Row], measured: Mapping[str, str], *, order: Sequence[str]
) -> tuple[list[Row], dict[str, str]]:
    """The rows with those that an earlier run has left of sections which are not measured now, and when each was."""
    if not file.exists():
        return list(rows), dict(measured)
    earlier = json.loads(file.read_bytes())["measured"]
    every = [*rows, *(row for row in read_rows(file) if row.section not in measured)]
    times = {**earlier, **measured}
    return sorted(every, key=lambda row: order.index(row.section)), {
        name: times[name] for name in order if name in times
    }


def _sections(
    scenarios: Path, *, quick: bool, sizes: Sequence[int] = scale.SIZES, simulated: int = simulation.CASES
) -> dict[str, Callable[[], Iterable[Row]]]:
    """What is measured, in order, by name. Quick: fewer repetitions, and a worker's memory over fewer outcomes.

    Args:
        scenarios: the set of which start-up and plain script are measured.
        quick: see above.
        sizes: of the grid, in cases.
        simulated: cases of the simulated run.
    """
    return {
        attacks.SECTION: lambda: attacks.rows(repetitions=4 if quick else 10),
        reference.SECTION: lambda: reference.rows(repetitions=10 if quick else 30, processes=2 if quick else 5),
        training.SECTION: lambda: training.rows(repetitions=10 if quick else 30),
        start_up.SECTION: lambda: start_up.rows(scenarios=scenarios, repetitions=5 if quick else 15),
        whole_set.SECTION: lambda: whole_set.rows(scenarios=scenarios, repetitions=1 if quick else 3),
        whole_set.EVERY_KIND: lambda: whole_set.rows_of_every_kind(shipped=SHIPPED),
        memory.SECTION: lambda: memory.rows(subjects=SUBJECTS, outcomes=200 if quick else 1000, early=100),
        scale.SECTION: lambda: scale.rows(sizes=sizes, repetitions=1 if quick else 3),
        waiting.SECTION: lambda: waiting.rows(repetitions=2 if quick else 5),
        simulation.SIMULATED: lambda: simulation.rows(cases=simulated),
        simulation.CARRIED: simulation.rows_of_what_travels,
        clustered.SECTION: lambda: clustered.rows(repetitions=1 if quick else 3),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description="What the harness and the reimplementation cost.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: wider spreads, much sooner")
    names = list(_sections(SCENARIOS, quick=True))
    parser.add_argument("--only", action="append", choices=names, help="this section; may be given several times")
    of_one_kind = f"the set to run in {start_up.SECTION} and {whole_set.SECTION}, of kind perturbation"
    parser.add_argument("--scenarios", type=Path, default=SCENARIOS, help=f"{of_one_kind} (default: %(default)s)")
    in_hundreds = f"sizes of the grid in {scale.SECTION}, e.g. 100,1000,10000"
    parser.add_argument("--cases", type=_sizes, metavar="N,N", help=in_hundreds)
    in_thousands = f"cases of the {simulation.SIMULATED} (default: {simulation.CASES:,})"
    parser.add_argument("--simulated", type=_thousands, metavar="N", help=in_thousands)
    kept = "leave the sections that are not measured now as the output file has them"
    parser.add_argument("--keep", action="store_true", help=kept)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="default: beside the output")
    parser.add_argument("--output", type=Path, default=Path("reports/bench.json"), help="default: %(default)s")
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(_multiple(part, PER_MODEL) for part in text.split(","))


def _thousands(text: str) -> int:
    return _multiple(text, simulation.STEP)


def _multiple(text: str, of: int) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1 or number % of:
        raise argparse.ArgumentTypeError(f"expected a multiple of {of:,}, got {text!r}")
    return number


if __name__ == "__main__":
    sys.exit(main())
