"""Settles whether two implementations of an adversarial attack, or of adversarial training, do the same thing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.report.notebook import Event, NotebookRun

__version__ = "0.1.0"

__all__ = ["load_run", "run"]


def _in_silence(event: Event) -> None:
    """Listens to a run and says nothing."""


def run(
    paths: str | Path | Iterable[str | Path],
    *,
    keyword: str | None = None,
    tag: str | None = None,
    subjects: Sequence[str] | None = None,
    jobs: int = os.cpu_count() or 1,
    timeout: float = 300.0,
    report_dir: str | Path = "reports/latest",
    fresh: bool = False,
    allow_code: bool = False,
    allow_outside: bool = False,
    explain: bool = True,
    listen: Callable[[Event], None] = _in_silence,
) -> NotebookRun:
    """Runs scenarios on every subject and writes all reports, as the command ``harness run`` does.

    The libraries run in processes of their own, started afresh: a script that calls this at its top level needs
    ``if __name__ == "__main__":`` before the call, or every worker would run the script again.

    Args:
        paths: scenario files or folders, or one of them.
        keyword: only cases whose id matches, e.g. ``"l2 and not clip"``; ``None``: all.
        tag: only scenarios with this tag; ``None``: all.
        subjects: only these; ``None``: those that each scenario names.
        jobs: how many workers compute at the same time.
        timeout: seconds that one outcome may take.
        report_dir: where the run folder goes.
        fresh: compute everything anew, whatever earlier runs left.
        allow_code: run Python that a scenario names.
        allow_outside: let a scenario name files outside of its own folder.
        explain: look for the causes of divergences.
        listen: gets every event while the run goes on, e.g. ``harness.report.terminal.TerminalListener().handle``.

    Returns:
        The run; its ``comparisons`` and ``outcomes`` are pandas DataFrames. After Ctrl-C, what was finished by then.

    Raises:
        harness.vocabulary.HarnessError: a scenario is wrong, nothing is selected, or a problem cannot be prepared.
    """
    from harness.report import notebook

    return notebook.run(
        [paths] if isinstance(paths, (str, Path)) else paths,
        keyword=keyword,
        tag=tag,
        subjects=subjects,
        jobs=jobs,
        timeout=timeout,
        report_dir=report_dir,
        fresh=fresh,
        allow_code=allow_code,
        allow_outside=allow_outside,
        explain=explain,
        listen=listen,
    )


def load_run(folder: str | Path) -> NotebookRun:
    """Reads a run folder back. Its ``comparisons`` and ``outcomes`` are pandas DataFrames.

    Raises:
        harness.vocabulary.HarnessError: it is no run folder, of another format, or damaged.
    """
    from harness.report import notebook

    return notebook.load_run(folder)
