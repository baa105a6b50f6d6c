"""``harness explain``: what a cause is, who does what, and how large it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import options
from harness.vocabulary import HarnessError

if TYPE_CHECKING:
    from harness.explain.cause import Cause

_SUMMARY = "Say what a cause of a divergence is: who does what, when it matters, how to set the libraries alike."
_LATEST = Path("reports/latest")


def main(arguments: Sequence[str]) -> None:
    """Say what a cause of a divergence is: who does what, when it matters, how to set the libraries alike."""
    parser = options.parser("explain", _SUMMARY)
    parser.add_argument("code", nargs="?", metavar="CODE", help="of a cause, e.g. label-source")
    parser.add_argument("--list", action="store_true", help="all causes, one line each")
    run = f"the run folder that it is measured in (default: {_LATEST}, if there is one)"
    parser.add_argument("--run", type=Path, metavar="RUN", help=run)
    page_help = "what differs between NSL and CleverHans: a page with one row a cause, from what the run measured"
    parser.add_argument("--page", action="store_true", help=page_help)
    into = (
        "with --page: write it to FILE; where a file has <!-- differences --> and <!-- /differences -->, "
        "a shorter table goes between them"
    )
    parser.add_argument("--into", type=Path, nargs="+", metavar="FILE", default=[], help=into)
    parsed = parser.parse_args(arguments)

    if parsed.page:
        _page(parsed.run or _LATEST, parsed.into)
        return

    from harness.explain.causes import CAUSES

    if parsed.list:
        width = max(map(len, CAUSES))
        print("\n".join(f"{code:{width}}  {cause.title}" for code, cause in CAUSES.items()))
        return
    if parsed.code is None:
        raise HarnessError(
            "expected the code of a cause, e.g. harness explain label-source; see harness explain --list."
        )
    if parsed.code not in CAUSES:
        from harness.scenario.complaints import did_you_mean

        raise HarnessError(f"'{parsed.code}' is not a cause. {did_you_mean(parsed.code, tuple(CAUSES))}")

    from harness.explain.page import page

    cause = CAUSES[parsed.code]
    print(page(cause, measured=_measured(cause, parsed.run)))


def _measured(cause: Cause, folder: Path | None) -> str:
    """What a run shows of the cause; where there is none, how to come by it."""
    from harness.explain.page import command

    if cause.isolation is None and cause.libraries:
        return ""
    how = f"{command(cause.isolation)} measures it." if cause.isolation else ""
    if folder is None and not (_LATEST / "run.json").is_file():
        return f"There is no run in {_LATEST}. {how}".rstrip()

    from harness.engine.record import load_run
    from harness.explain.measured import in_words, is_in

    run = load_run(folder or _LATEST)
    nothing = f"no effect in {cause.scenario}." if is_in(cause, run) else f"nothing of it. {how}"
    return f"In {folder or _LATEST}: {in_words(cause, run) or nothing}".rstrip()


def _page(folder: Path, files: Sequence[Path]) -> None:
    """Prints the page of differences of a run, or writes it, and the table of it, to files."""
    from harness.engine.record import load_run
    from harness.report.differences_held import is_page, with_table
    from harness.report.differences_page import differences_page, differences_table

    run = load_run(folder)
    made, table = differences_page(run), differences_table(run)
    if not made:
        raise HarnessError(
            f"{folder} has no shipped scenario that isolates a cause between two libraries; harness run scenarios does."
        )
    if not files:
        print(made, end="")
        return

    from harness.engine.store import write_atomically

    texts = {}
    for file in files:  # all are made before one is written
        was = file.read_text(encoding="utf-8") if file.exists() else ""
        try:
            texts[file] = with_table(was, table) if was and not is_page(was) else made
        except HarnessError as error:
            raise HarnessError(f"{file}: {error}") from None
    for file, text in texts.items():
        write_atomically(file, text.encode())
        print(file)
