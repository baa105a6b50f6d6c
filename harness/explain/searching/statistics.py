"""What a search says of itself: how much was run, which settings were covered, what was found."""

from __future__ import annotations

import json
from typing import Any

from harness.explain.searching.choices import LEFT_OUT, never_drawn, universe
from harness.explain.searching.findings import KNOWN
from harness.explain.searching.generator import coverage
from harness.explain.searching.search import Question, Searched
from harness.vocabulary import FORMAT_VERSION

_VARIED = [name for name in universe() if name.startswith("attack.")]
"""The settings that are drawn where model and data are given, whatever the kind."""


def statistics(question: Question, searched: Searched) -> dict[str, Any]:
    """As JSON values, the content of ``search.json``.

    ``cases``, ``refused`` (random scenarios that were none, by complaint), ``seconds``, ``cases_per_second`` (while
    random scenarios were run, starting the workers among it), ``verdicts`` by ``left|right``, ``outcomes`` by subject
    and status, ``covered`` (setting to class to cases), ``never_covered`` (setting to classes that came in no case),
    ``never_stated`` (settings that a search leaves out of every scenario), ``found``, ``replayed``, ``met_again``
    (known signatures), ``known_limits`` (of subjects, no news) and ``interrupted``.
    """
    counted = coverage(searched.ran)
    every = {name: classes for name, classes in universe().items() if not question.bases or name in _VARIED}
    covered: dict[str, dict[str, int]] = {name: {} for name in every}
    for (name, value), count in sorted(counted.items()):
        covered.setdefault(name, {})[value] = count
    missing = {name: [one for one in classes if one not in covered[name]] for name, classes in every.items()}
    return {
        "format_version": FORMAT_VERSION,
        "seed": question.seed,
        "subjects": list(question.subjects),
        "seconds": round(searched.seconds, 1),
        "interrupted": searched.interrupted,
        "cases": len(searched.ran),
        "cases_per_second": round(len(searched.ran) / searched.running_seconds, 3) if searched.running_seconds else 0.0,
        "refused": dict(searched.refused),
        "verdicts": {pair: dict(counts) for pair, counts in searched.verdicts.items()},
        "outcomes": {subject: dict(counts) for subject, counts in searched.statuses.items()},
        "covered": {name: classes for name, classes in covered.items() if classes},
        "never_covered": {name: classes for name, classes in missing.items() if classes},
        "never_stated": never_drawn(),
        "found": [
            {
                "name": one.finding.name,
                "what": one.finding.what,
                "who": list(one.finding.who),
                "pair": list(one.finding.pair),
                "sentence": one.finding.sentence,
                "signature": one.finding.signature,
                "case": one.case,
                "cases": one.cases,
                "numbers": list(one.numbers) if one.numbers else None,
                "files": [str(path) for path in one.files],
                "note": one.note,
            }
            for one in searched.found.values()
        ],
        "replayed": [{"path": str(one.path), "shows": list(one.shows)} for one in searched.replayed],
        "met_again": dict(searched.known),
        "known_limits": [{"subject": one.subject, "why": one.why} for one in KNOWN],
    }


def as_file(figures: dict[str, Any]) -> bytes:
    """The content of ``search.json``."""
    return (json.dumps(figures, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def unstated(figures: dict[str, Any]) -> list[str]:
    """What no case had: settings by name, and of those that some case had the classes, as ``attack.norm: l1``."""
    found = []
    for name, classes in figures["never_covered"].items():
        named = [one for one in classes if one != LEFT_OUT]
        if name not in figures["covered"]:
            found.append(name)
        elif named:
            found.append(f"{name}: {', '.join(named)}")
    return found
