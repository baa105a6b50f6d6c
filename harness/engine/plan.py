"""What has to be computed, as tasks: function calls, each with a key for everything that its result depends on."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.engine import fingerprint
from harness.engine.evaluate import evaluate_training
from harness.engine.prepare import prepare_batch, prepare_weights
from harness.engine.work import Problem, compute_outcome
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.protocol import Environment
from harness.subjects.registry import load_subject
from harness.vocabulary import Case, canonical_json


@dataclass(frozen=True)
class Task:
    """One function call in a worker.

    Attributes:
        kind: of its record in the store: ``weights``, ``batch``, ``outcome``, ``evaluation`` or ``bridge``.
        key: of its record.
        case: that it is for, or the first of several.
        environment: of the worker.
        function: returns the record, a JSON mapping.
        arguments: of the function.
        subject: of an outcome or an evaluation; empty for the others.
    """

    kind: str
    key: str
    case: Case
    environment: Environment
    function: Callable[..., Mapping[str, Any]]
    arguments: tuple[Any, ...]
    subject: str = ""


def preparation_tasks(cases: Iterable[Case], store: Path, *, given: Container[str] = ()) -> list[Task]:
    """Draw or train the weights, and select the batch, of every case; what several cases share, once.

    Args:
        cases: all of them.
        store: folder of the store.
        given: ids of the cases whose weights lie there already.
    """
    tasks, keys = {}, _Keys()
    for case in cases:
        for kind, key, function in (
            ("weights", keys.weights(case), prepare_weights),
            ("batch", keys.batch(case), prepare_batch),
        ):
            if kind == "weights" and case.id in given:
                continue
            tasks.setdefault((kind, key), Task(kind, key, case, TENSORFLOW_2, function, (store, case)))
    return list(tasks.values())


def problems_of(
    cases: Iterable[Case], records: Mapping[tuple[str, str], Mapping[str, Any]], *, given: Mapping[str, str]
) -> dict[str, Problem]:
    """The problem of each case, by case id.

    Args:
        cases: all of them.
        records: of the preparation tasks, by kind and key.
        given: hashes of the weights of those cases that have them from elsewhere, by case id.
    """
    problems, keys = {}, _Keys()
    for case in cases:
        batch = records["batch", keys.batch(case)]
        own = given.get(case.id) or records["weights", keys.weights(case)]["arrays"]
        problems[case.id] = Problem(own, batch["arrays"], batch["classes"])
    return problems


class _Keys:
    """Keys of what is prepared for cases. Sections of a scenario that its cases share are looked at once.

    A section is known by its identity, so cases must outlive this object.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], str] = {}

    def weights(self, case: Case) -> str:
        place = ("weights", id(case.model), id(case.data), id(case.training), case.kind)
        if place not in self._known:
            self._known[place] = fingerprint.weights_key(case)
        return self._known[place]

    def batch(self, case: Case) -> str:
        place = ("batch", id(case.data), id(case.training), case.attack.get("dtype"))
        if place not in self._known:
            self._known[place] = fingerprint.batch_key(case)
        return self._known[place]


def outcome_tasks(
    cases: Iterable[Case], problems: Mapping[str, Problem], subjects: Mapping[str, Mapping[str, Any]], store: Path
) -> list[Task]:
    """One task for each case and each of its subjects that is available. Cases with the same model stand together.

    Args:
        cases: all of them.
        problems: by case id.
        subjects: as ``describe_subjects`` returns them.
        store: folder of the store.
    """
    tasks = []
    # A worker keeps the models of the problem in hand, and libraries keep traces for the shapes that they have seen.
    together = {
        case.id: (problems[case.id].weights, canonical_json(case.model), problems[case.id].batch) for case in cases
    }
    for case in sorted(cases, key=lambda case: together[case.id]):
        problem = problems[case.id]
        for name in case.subjects:
            if "unavailable" in subjects[name]:
                continue
            key = fingerprint.outcome_key(case, name, identity=problem.identity, subject=subjects[name])
            environment = load_subject(name).ENVIRONMENT
            tasks.append(Task("outcome", key, case, environment, compute_outcome, (store, case, problem, name), name))
    return tasks


def evaluation_task(case: Case, problem: Problem, subject: str, arrays: str, store: Path) -> Task:
    """The evaluation of what a subject trained.

    Args:
        case: of kind training.
        problem: of the case.
        subject: its name.
        arrays: hash of the outcome's arrays.
        store: folder of the store.
    """
    key = fingerprint.evaluation_key(case, data=problem.batch, arrays=arrays)
    return Task("evaluation", key, case, TENSORFLOW_2, evaluate_training, (store, case, problem.batch, arrays), subject)
