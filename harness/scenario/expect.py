"""What a scenario expects of its pairs: entries to verdicts, the first that fits counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from harness.scenario.complaints import Report
from harness.scenario.ids import word
from harness.scenario.matrix import Wanted, wanted_values
from harness.scenario.node import Node, Path
from harness.scenario.schema.forms import INVALID
from harness.scenario.schema.scenario import ANY, EXPECT
from harness.vocabulary import Expectation, Location, Verdict


@dataclass
class Entry:
    """One entry of ``expect``.

    Attributes:
        subjects: of ``pair`` (where ``any`` stands for each) or of ``among``.
        where: dotted setting to its wanted values.
        node, at: its place in the file.
        met: whether any case has the settings it asks for.
        counted: whether it was the first to fit some pair of some case.
        fewest_seeds: of the cases in which it counted with an outcome, at most 2.
    """

    subjects: Sequence[str]
    is_pair: bool
    where: Mapping[str, Wanted]
    expectation: Expectation
    node: Node
    at: Path
    met: bool = False
    counted: bool = False
    fewest_seeds: int = 2

    def fits_pair(self, left: str, right: str) -> bool:
        """Whether it speaks of this pair."""
        if not self.is_pair:
            return left in self.subjects and right in self.subjects
        a, b = self.subjects
        return (a in (left, ANY) and b in (right, ANY)) or (a in (right, ANY) and b in (left, ANY))

    def fits_settings(self, settings: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether it speaks of a case with these settings (by section, canonical)."""
        return all(value_at(settings, name) in wanted for name, wanted in self.where.items())


def read_entries(expect: Node, subjects: Sequence[str], kind: str | None, report: Report) -> list[Entry]:
    """The entries of the section ``expect``.

    Complains about wrong values in ``where``, about subjects that do not take part, and about an outcome where nothing
    is trained.

    Args:
        expect: valid by its form.
        subjects, kind: those of the scenario; the kind is ``None`` where the file states no valid one.
    """
    entries: list[Entry] = []
    for index in range(len(expect.value)):
        at: Path = ("expect", index)
        entry = expect.items[index]
        value = EXPECT.read(entry, at, report)
        names: Sequence[str] = value.get("pair") or value["among"]
        key = "pair" if "pair" in value else "among"
        for position, name in enumerate(names):
            if name != ANY and name not in subjects:
                message = f"'{name}' does not take part in this scenario. Its subjects: {', '.join(subjects)}."
                report.at(entry.items[key].items[position], (*at, key, position), message)
        if "outcome" in value and kind not in ("training", None):
            report.at_key(entry, (*at, "outcome"), f"goes with kind training, not with kind {kind}. Remove it.")
        wheres = entry.get("where")
        where = {name: wanted_values(name, wheres.items[name], (*at, "where", name), report) for name in value["where"]}
        if all(wanted is not INVALID for wanted in where.values()):
            location = Location(report.file, entry.line, entry.column)
            expectation = Expectation(Verdict(value["verdict"]), value["because"], location, value.get("outcome", ""))
            entries.append(Entry(names, key == "pair", where, expectation, entry, at))
    return entries


def expectations(
    entries: Sequence[Entry], settings: Mapping[str, Mapping[str, Any]], subjects: Sequence[str]
) -> dict[str, Expectation]:
    """``"left|right"`` to what is expected of that pair in a case with these settings. Notes which entries counted."""
    fitting = [entry for entry in entries if entry.fits_settings(settings)]
    found: dict[str, Expectation] = {}
    for left, right in combinations(subjects, 2):
        for entry in fitting:
            if entry.fits_pair(left, right):
                entry.counted = True
                if entry.expectation.outcome:
                    entry.fewest_seeds = min(entry.fewest_seeds, value_at(settings, "training.seeds"))
                found[f"{left}|{right}"] = entry.expectation
                break
    for entry in fitting:
        entry.met = True
    return found


def check_entries(entries: Sequence[Entry], report: Report) -> None:
    """Complain about entries that say nothing: no case has their settings, or earlier entries fit all their pairs.

    And about those that state an outcome over the seeds of a case that has one seed.
    """
    for entry in entries:
        if not entry.met:
            asked = ", ".join(f"{name}: {' or '.join(map(word, wanted))}" for name, wanted in entry.where.items())
            report.at(entry.node, entry.at, f"says nothing: no case has {asked}. Correct where, or remove the entry.")
        elif not entry.counted:
            message = "says nothing: earlier entries fit all its pairs. Move it before them, or remove it."
            report.at(entry.node, entry.at, message)
        elif entry.fewest_seeds < 2:
            message = f"needs training.seeds of at least 2, got {entry.fewest_seeds}. State more seeds, or remove it."
            report.at_key(entry.node, (*entry.at, "outcome"), message)


def value_at(settings: Mapping[str, Mapping[str, Any]], name: str) -> Any:
    """The canonical value of a dotted setting, or ``INVALID``, which equals nothing, where the case leaves it out."""
    value: Any = settings
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return INVALID
        # An optimizer is written {sgd: SETTINGS}; its canonical form has the word among the settings.
        if part in value or value.get("kind") != part:
            value = value.get(part, INVALID)
    return value
