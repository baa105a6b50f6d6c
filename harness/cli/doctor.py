"""``harness doctor``: the state of every subject, and for one that is not well the command that mends it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from harness.vocabulary import SUBJECTS, Case, HarnessError, Location, Outcome

PROBE = Case(
    id="probe",
    scenario="probe",
    kind="perturbation",
    point={},
    model={
        "layers": [{"kind": "dense", "units": 8}, {"kind": "relu"}, {"kind": "dense", "units": 3}],
        "output": "logits",
        "init": {"scheme": "glorot_uniform", "seed": 0, "scale": 1.0},
    },
    data={"source": "iris", "split": "test", "batch": 4, "seed": 0},
    attack={"epsilon": 0.1, "norm": "linf", "labels": "given"},
    subjects=SUBJECTS,
    expectations={},
    location=Location("probe.yaml"),
)
"""A small case that every subject can express."""

PROBE_SECONDS = 120.0
"""What a probe may take, the start of its worker included."""

State = Literal["works", "installed", "missing", "failed"]


@dataclass(frozen=True)
class Diagnosis:
    """The state of one subject.

    Attributes:
        subject: its name.
        state: ``works`` in its worker; ``installed`` and not probed; ``missing``; ``failed`` when probed.
        library: distribution name and, where it is installed, version.
        environment: the kind of process that it runs in.
        detail: the function under comparison, or what is wrong and the command that mends it.
    """

    subject: str
    state: State
    library: str
    environment: str
    detail: str

    @property
    def well(self) -> bool:
        return self.state in ("works", "installed")


def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Only look what is installed; run no library.")] = False,
) -> None:
    """Show the state of every subject: installed, version, environment, why not and how to mend it."""
    from harness.engine.describe import describe_subjects
    from harness.engine.fingerprint import environment

    frameworks = environment()
    subjects = describe_subjects(SUBJECTS)
    absent = [name for name, version in frameworks.items() if version == "missing"]
    for line in about_the_machine(frameworks):
        print(line)
    if quick:
        outcomes = {}
    elif absent:
        outcomes = {name: Outcome(name, "error", reason=f"not tried: {', '.join(absent)} missing") for name in SUBJECTS}
    else:
        outcomes = probe()
    diagnoses = [diagnose(name, subjects[name], outcomes.get(name)) for name in SUBJECTS]
    show(diagnoses)

    if absent:
        print(f"Missing: {', '.join(absent)}. To mend it: python -m pip install {' '.join(absent)}")
    ill = [diagnosis.subject for diagnosis in diagnoses if not diagnosis.well]
    if ill:
        print(f"{len(ill)} of {len(diagnoses)} subjects not ready: {', '.join(ill)}.")
    else:
        print(f"All {len(diagnoses)} subjects {'are installed' if quick else 'work'}.")
    raise typer.Exit(2 if ill or absent else 0)


def about_the_machine(frameworks: Mapping[str, str]) -> list[str]:
    """Interpreter, frameworks, and where the library with the ambiguous import name is looked for."""
    from harness.subjects.environments import CLEVERHANS_V3

    versions = [f"{name} {version}" for name, version in frameworks.items() if name not in ("python", "processor")]
    return [
        f"python {frameworks['python']}: {sys.executable}",
        ", ".join(versions),
        f"cleverhans 3.1.0 is looked for in {CLEVERHANS_V3} (the variable HARNESS_CLEVERHANS_V3 names another folder)",
    ]


def probe() -> dict[str, Outcome]:
    """Runs the probe case on every subject that is installed, in its real worker. Returns the outcomes by subject."""
    from harness.engine.run import Options, complete, execute

    with tempfile.TemporaryDirectory() as folder:
        options = Options(store=Path(folder), timeout=PROBE_SECONDS)
        try:
            with waiting():
                run = complete(execute([PROBE], options), lambda event: None)
        except HarnessError as error:
            return {name: Outcome(name, "error", reason=str(error)) for name in SUBJECTS}
    if run.interrupted:
        raise KeyboardInterrupt
    return {outcome.subject: outcome for record in run.cases for outcome in record.outcomes}


def diagnose(name: str, description: Mapping[str, Any], outcome: Outcome | None) -> Diagnosis:
    """What follows from a subject's description and from what its probe came to, if there was one."""
    state: State
    if "unavailable" in description:
        state, detail = "missing", description["unavailable"]
    elif outcome is None:
        state, detail = "installed", description["api"]
    elif outcome.status == "ok":
        state, detail = "works", description["api"]
    else:
        state, detail = "failed", f"{outcome.status}: {outcome.reason}"
    library = f"{description['library']} {description['version']}".strip()
    return Diagnosis(name, state, library, description["environment"], detail)


def show(diagnoses: list[Diagnosis]) -> None:
    """A table on a terminal, a line for each subject elsewhere."""
    if not sys.stdout.isatty():
        for one in diagnoses:
            print(f"{one.subject}: {one.state}: {one.library} in {one.environment}: {one.detail}")
        return

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"works": "green", "installed": "green", "missing": "yellow", "failed": "red"}
    table = Table("subject", "state", "library", "environment")
    for one in diagnoses:
        table.add_row(one.subject, Text(one.state, colours[one.state]), one.library, one.environment)
    Console().print(table)
    # Below the table and not in it, so that a command can be copied whole.
    for one in diagnoses:
        if not one.well:
            print(f"{one.subject}: {one.detail}")


def waiting() -> Any:
    """A sign of life on a terminal while libraries are loaded, which takes seconds."""
    from rich.console import Console

    return Console(stderr=True).status("Running every library once ...")
