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
    parsed = parser.parse_args(arguments)

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

    how = f"{command(cause.isolation)} measures it." if cause.isolation else ""
    if folder is None and not (_LATEST / "run.json").is_file():
        return f"There is no run in {_LATEST}. {how}".rstrip()

    from harness.engine.record import load_run
    from harness.explain.measured import in_words, is_in

    run = load_run(folder or _LATEST)
    nothing = f"no effect in {cause.scenario}." if is_in(cause, run) else f"nothing of it. {how}"
    return f"In {folder or _LATEST}: {in_words(cause, run) or nothing}".rstrip()
