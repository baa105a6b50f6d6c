"""``harness repro``: a case and two libraries as one Python file that needs nothing but the libraries."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli import options
from harness.vocabulary import HarnessError

_SUMMARY = "Write one Python file that shows a case on two libraries, without this project."
_LATEST = Path("reports/latest")


def main(arguments: Sequence[str]) -> None:
    """Write one Python file that shows a case on two libraries, without this project."""
    parser = options.parser("repro", _SUMMARY)
    parser.add_argument("case", metavar="CASE", help="id of a case, as harness list shows it")
    parser.add_argument(
        "--pair", metavar="A,B", default="", help="which two (default: the first two libraries that diverge)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file (default: the case's id, here)")
    parser.add_argument(
        "--run",
        type=Path,
        metavar="RUN",
        help=f"take the case from this run folder (default: {_LATEST} if it is there)",
    )
    options.add_files(parser)
    parsed = parser.parse_intermixed_args(arguments)
    if parsed.allow_code:
        sys.path.insert(0, str(Path.cwd()))  # where a user's package lies; workers inherit it

    from harness.engine.store import store_folder, write_atomically
    from harness.explain.reproducing.script import reproduction_script
    from harness.explain.reproducing.source import case_of, comparison_of, in_run, pairs_allowed, run_alone
    from harness.scenario.select import check_subject, load_cases

    pair = [name.strip() for name in parsed.pair.split(",") if name.strip()]
    for name in pair:
        check_subject(name)
    if parsed.run:
        found = in_run(parsed.run, None, parsed.case, pair)
        if found is None:
            raise HarnessError(
                f"{parsed.run}: {parsed.case} was not run on {parsed.pair} there. Run it, or leave out --run."
            )
    else:
        cases = load_cases(parsed.paths, named=pair, allow_outside=parsed.allow_outside, allow_code=parsed.allow_code)
        case = case_of(cases, parsed.case)
        if parsed.pair:
            pairs_allowed(case, pair)
        found = in_run(_LATEST, case, parsed.case, pair) if (_LATEST / "run.json").is_file() else None
        found = found or run_alone(case, pair, store=store_folder(_LATEST))
    run, record = found
    comparison = comparison_of(record, pair)
    output = parsed.output or Path(f"{_file_name(record.case.id)}.py")
    script = reproduction_script(run, record, comparison, name=output.stem)
    write_atomically(output, script.text.encode())
    files = [output]
    if script.arrays:
        files.append(output.with_suffix(".npz"))
        write_atomically(files[-1], script.arrays)
    if script.model_file:
        files.append(output.with_name(script.model_file.name))
        _copy(script.model_file, files[-1])
    named = " and ".join(map(str, files))
    print(f"{named}: {comparison.left} and {comparison.right}, {comparison.verdict}: {comparison.sentence}")


def _copy(source: Path, target: Path) -> None:
    from harness.engine.store import write_atomically

    try:
        if source.resolve() != target.resolve():
            write_atomically(target, source.read_bytes())
    except OSError as error:
        raise HarnessError(f"{source} cannot be read: {error.strerror or error}. The script needs it.") from error


def _file_name(case: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", case).strip("-")[:100]
