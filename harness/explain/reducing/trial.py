"""Tries drafts out: each is run and judged like any other case, and looked at for whether it still shows the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.engine.record import CaseRecord, Run, by_prefix
from harness.engine.run import Options, complete, execute
from harness.engine.workers import Pool
from harness.explain.reducing.draft import Draft, scenario_text, subjects_of
from harness.scenario.cases import read_cases
from harness.scenario.paths import Permissions
from harness.vocabulary import Case, Comparison, HarnessError, Outcome, Verdict

Causes = Callable[[Run], Run]
"""Gives the comparisons of a run their causes."""


@dataclass(frozen=True)
class Symptom:
    """What must stay while a case becomes smaller.

    Attributes:
        verdict: of the pair.
        cause: the first one of the comparison; empty where none is known.
        differing: the settings that the two sides did not use alike. Fewer may do, others are another divergence.
        incomparable: whether something is not finite on one side only.
        failures: of both sides the status and what kind of reason it has.
    """

    verdict: Verdict
    cause: str
    differing: frozenset[str]
    incomparable: bool
    failures: tuple[tuple[str, str], ...]

    def is_shown_by(self, other: Symptom) -> bool:
        """Whether another case shows the same."""
        return replace(other, differing=self.differing) == self and other.differing <= self.differing


@dataclass(frozen=True)
class Numbers:
    """How many numbers a case is made of, its settings aside. Kind training: the examples that there are to train on.

    Attributes:
        examples: how many; features: of each of them; weights: of the model.
    """

    examples: int
    features: int
    weights: int

    @property
    def total(self) -> int:
        """Features and labels of all examples, and weights."""
        return self.examples * (self.features + 1) + self.weights

    def __str__(self) -> str:
        parts = ((self.examples, "example"), (self.features, "feature"), (self.weights, "weight"))
        examples, features, weights = (f"{count:,} {noun}{'s' * (count != 1)}" for count, noun in parts)
        return f"{self.total:,} numbers: {examples} of {features}, and {weights}"


@dataclass(frozen=True)
class Seen:
    """What a draft shows.

    Attributes:
        draft: that was run.
        comparison: of the pair.
        symptom: of the pair.
        numbers: that it is made of.
        batch: its arrays, see ``harness.engine.prepare``.
        weights: of its model, in Keras's order; of several seeds those of the first. None where layers stand before
            the perturbed input.
        apart: how far the two sides are apart, shape of the inputs; ``None`` for other kinds than perturbation.
    """

    draft: Draft
    comparison: Comparison
    symptom: Symptom
    numbers: Numbers
    batch: Mapping[str, np.ndarray]
    weights: tuple[np.ndarray, ...]
    apart: np.ndarray | None

    @property
    def x(self) -> np.ndarray:
        """The examples; several inputs stand side by side."""
        inputs = list(by_prefix(self.batch, "input").values())
        return inputs[0] if len(inputs) == 1 else np.concatenate(inputs, axis=1)


@dataclass
class Trials:
    """Runs drafts for one pair, on workers that stay up.

    Attributes:
        pair: left and right, in table order.
        workers, options: of every run.
        permissions: what the scenario may do.
        folder: for the files of drafts.
        causes: finds causes; ``None``: nobody does.
        count: how many drafts were run.
    """

    pair: tuple[str, str]
    workers: Pool
    options: Options
    permissions: Permissions
    folder: Path
    causes: Causes | None = None
    count: int = 0
    _failed: set[str] = field(default_factory=set)

    def first(self, case: Case) -> Seen:
        """Runs the case as it is.

        Raises:
            HarnessError: a problem cannot be prepared.
        """
        whole = replace(case, subjects=subjects_of(self.pair, case.kind), expectations={})
        self.count += 1
        (record,), run = self._run([whole])
        return self._seen(Draft.of(whole), record, run)

    def find(self, drafts: Sequence[Draft], symptom: Symptom) -> Seen | None:
        """The first draft that shows the symptom, if one does.

        The pair alone is run first: the yardstick takes longer than both, and can only excuse a difference.
        """
        fresh = {key: draft for draft in drafts if (key := key_of(draft)) not in self._failed}
        loaded = {key: (draft, case) for key, draft in fresh.items() if (case := self._load(draft))}
        alone = {key: replace(case, subjects=self.pair) for key, (_, case) in loaded.items()}
        verdicts = {key: self._of_pair(record).verdict for key, record in self._records(alone).items()}
        for key in fresh:
            if verdicts.get(key) == symptom.verdict:
                draft, case = loaded[key]
                (record,), run = self._run([case])
                seen = self._seen(draft, record, run)
                if symptom.is_shown_by(seen.symptom):
                    return seen
            self._failed.add(key)
        return None

    def _load(self, draft: Draft) -> Case | None:
        self.count += 1
        folder = self.folder / f"{self.count:04d}"
        folder.mkdir(parents=True)
        if draft.weights:
            (folder / "weights.npz").write_bytes(draft.weights_content())
        path = folder / f"draft-{self.count:04d}.yaml"
        path.write_text(scenario_text(draft, summary="A draft."), encoding="utf-8")
        try:
            (case,) = read_cases(path, self.permissions)
        except HarnessError:
            return None
        return case

    def _records(self, cases: Mapping[str, Case]) -> dict[str, CaseRecord]:
        """Without causes, and without those that cannot be prepared."""
        try:
            run = self._finished(list(cases.values())) if cases else None
        except HarnessError:
            # One that cannot be prepared ends the run of all.
            parts = [self._records({key: case}) for key, case in cases.items()] if len(cases) > 1 else []
            return {key: record for part in parts for key, record in part.items()}
        return dict(zip(cases, run.cases, strict=True)) if run else {}

    def _finished(self, cases: Sequence[Case]) -> Run:
        run = complete(execute(cases, self.options, shared=self.workers), lambda event: None)
        if run.interrupted:
            raise KeyboardInterrupt
        return run

    def _run(self, cases: Sequence[Case]) -> tuple[Sequence[CaseRecord], Run]:
        run = self._finished(cases)
        if self.causes:
            # Of this pair only: another one of the case may take long to explain.
            own = [replace(record, comparisons=(self._of_pair(record),)) for record in run.cases]
            run = self.causes(replace(run, cases=tuple(own)))
            if run.interrupted:
                raise KeyboardInterrupt
        return run.cases, run

    def _seen(self, draft: Draft, record: CaseRecord, run: Run) -> Seen:
        comparison = self._of_pair(record)
        left, right = record.outcome(comparison.left), record.outcome(comparison.right)
        batch = run.arrays(record.identity["data"])
        every = run.arrays(record.identity["weights"])
        once = {name: every[name] for name in sorted(every) if "/" not in name or name.startswith(("000/", "before/"))}
        inputs = by_prefix(batch, "input").values()
        numbers = Numbers(
            len(batch["labels"]),
            sum(int(np.prod(array.shape[1:])) for array in inputs),
            sum(array.size for array in once.values()),
        )
        return Seen(
            draft,
            comparison,
            _symptom(comparison, left, right),
            numbers,
            batch,
            () if "before" in draft.model else tuple(once.values()),
            _apart(run, left, right) if draft.kind == "perturbation" else None,
        )

    def _of_pair(self, record: CaseRecord) -> Comparison:
        return next(found for found in record.comparisons if {found.left, found.right} == set(self.pair))


def _symptom(comparison: Comparison, left: Outcome, right: Outcome) -> Symptom:
    causes, used, others = comparison.causes, _used(left), _used(right)
    return Symptom(
        comparison.verdict,
        causes[0]["code"] if causes else "",
        frozenset(name for name in {*used, *others} if used.get(name) != others.get(name)),
        bool(comparison.metrics.get("incomparable")),
        tuple((outcome.status, outcome.reason.partition(":")[0]) for outcome in (left, right)),
    )


def _used(outcome: Outcome) -> dict[str, Any]:
    """The settings that were used; an objective as its ratio and its factor, since libraries write them differently."""
    used = dict(outcome.settings)
    objective = used.pop("objective", None)
    if objective:
        whole = objective["clean"] + objective["adversarial"]
        used["ratio"] = float(f"{objective['adversarial'] / whole if whole else 0.0:.6g}")
        used["factor"] = float(f"{objective['scale'] * whole:.6g}")
    return used


def _apart(run: Run, left: Outcome, right: Outcome) -> np.ndarray | None:
    if not left.arrays or not right.arrays:
        return None
    sides = [list(by_prefix(run.arrays(side.arrays), "adversarial").values()) for side in (left, right)]
    one, other = (parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1) for parts in sides)
    with np.errstate(invalid="ignore"):
        distance = np.abs(one.astype(np.float64) - other.astype(np.float64))
    return np.where(np.isnan(distance), np.where(np.isnan(one) & np.isnan(other), 0.0, np.inf), distance)


def key_of(draft: Draft) -> str:
    """A text that two drafts share if they say the same."""
    weights = (f"{array.shape}{array.tobytes().hex()}" for array in draft.weights)
    return scenario_text(draft, summary="A draft.") + "".join(weights)
