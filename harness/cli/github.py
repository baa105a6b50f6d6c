"""What a command says to GitHub Actions, where it runs there: annotations, and the summary of the step."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.vocabulary import HarnessError

if TYPE_CHECKING:
    from harness.engine.record import Run
    from harness.report.github import Annotation


def tell_github(run: Run, *, strict: bool) -> None:
    """Annotates the scenario files, and adds to the summary of the step. Elsewhere it does nothing."""
    from harness.report.markdown import overview

    add_to_summary(lambda: overview(run))
    if _is_github():
        from harness.report.annotations import annotations_of

        _annotate(annotations_of(run, strict=strict))


def add_to_summary(markdown: Callable[[], str]) -> None:
    """Adds to the summary of the step. Elsewhere it does nothing."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary:
        return
    from harness.report.github import cut_to_fit

    path = Path(summary)
    try:
        written = path.stat().st_size if path.exists() else 0
        with path.open("ab") as stream:
            stream.write(cut_to_fit(markdown(), written=written).encode())
    except OSError as error:  # the answer of the run is not GitHub's to spoil
        print(f"{path}: the summary of the step cannot be written: {error.strerror or error}", file=sys.stderr)


def annotate_error(error: HarnessError) -> None:
    """Annotates what is wrong with scenario files, on GitHub Actions."""
    if not _is_github():
        return
    from harness.report.github import Annotation
    from harness.scenario.complaints import ScenarioError

    for told in (error, error.__cause__):  # harness validate adds a line to it
        if isinstance(told, ScenarioError):
            _annotate([Annotation("error", "scenario file", (one.message,), one.location) for one in told.complaints])


def _is_github() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _annotate(annotations: list[Annotation]) -> None:
    from harness.report.github import workflow_commands

    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    for line in workflow_commands(annotations, workspace=workspace):
        print(line)
