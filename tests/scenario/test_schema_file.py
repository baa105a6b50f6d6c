"""The JSON Schema that editors use is kept in step with what is accepted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import harness.scenario
from harness.scenario.load import read_document
from harness.scenario.schema.scenario import json_schema
from harness.scenario.schema.settings import SETTINGS
from harness.vocabulary import ATTACK_SETTINGS

STORED = Path(harness.scenario.__file__).with_name("scenario.schema.json")
SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").rglob("*.yaml"))


def test_the_stored_schema_is_the_one_that_the_forms_give() -> None:
    assert STORED.read_text() == json.dumps(json_schema(), indent=2) + "\n", "harness schema > scenario.schema.json"


def test_every_setting_of_an_attack_has_a_form() -> None:
    assert [name.removeprefix("attack.") for name in SETTINGS if name.startswith("attack.")] == list(ATTACK_SETTINGS)


def described(schema: Any, at: str = "") -> list[str]:
    """Properties that have no description."""
    found = []
    for name, inner in schema.get("properties", {}).items():
        found += [f"{at}.{name}"] if not inner.get("description") else []
        found += described(inner, f"{at}.{name}")
    for branch in [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
        found += described(branch, at)
    return found


def test_every_key_is_described() -> None:
    assert described(json_schema()) == []


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_scenarios_name_the_schema_and_satisfy_it(file: Path) -> None:
    first = file.read_text().splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match
    assert (file.parent / match[1]).resolve() == STORED.resolve()
    assert satisfies(read_document(file).root.value, json_schema())


@pytest.mark.parametrize(
    ("section", "value", "valid"),
    [
        ("attack", {"epsilon": "8/255", "labels": {"target": 3}, "clip": [None, 1]}, True),
        ("attack", {"epsilon": "8:255"}, False),
        ("attack", {"epsilon": -1}, False),
        ("attack", {"labels": "guessed"}, False),
        ("attack", {"clip": [0]}, False),
        ("attack", {"eps": 1}, False),
        ("model", {"layers": ["relu", {"dense": 3}, {"conv": {"filters": 2}}]}, True),
        ("model", {"layers": ["rulu"]}, False),
        ("model", {"layers": [{"dense": 3, "conv": 2}]}, False),
        ("model", {"before": ["relu"], "layers": [{"dense": {"units": 3, "l2": 0.1}}]}, True),
        ("model", {"layers": [{"dense": {"units": 3, "l2": 0}}]}, False),
        ("data", {"batch": 3}, False),
        ("kind", "loss", True),
        ("kind", "training", True),
        ("kind", "losses", False),
        ("training", {"optimizer": {"sgd": 0.1}, "steps": 3, "batch_size": 2, "match_scale": False}, True),
        ("training", {"optimizer": {"rmsprop": {"rate": 0.1, "momentum": 0.5, "clip_norm": None}}}, True),
        ("training", {"optimizer": {"adam": {"rate": 0.1, "momentum": 0.5}}}, False),
        ("training", {"optimizer": {"sgd": {"rate": 0.1, "nesterov": "yes"}}}, False),
        ("training", {"optimizer": {"sgd": {"rate": 0.1, "clip_norm": 0}}}, False),
        ("training", {"weighting": {"clean": 1}}, False),
        ("training", {"evaluate": {"every": 5, "epsilons": ["8/255", 0.1]}, "mode": "inference"}, True),
        ("training", {"evaluate": {"epsilons": []}}, False),
        ("training", {"match_scale": 1}, False),
        ("matrix", {"training.optimizer.sgd.momentum": [0, 0.9]}, True),
        ("expect", [{"pair": ["nsl", "any"], "verdict": "CLOSE", "because": "a", "outcome": "equivalent"}], True),
        ("expect", [{"pair": ["nsl", "any"], "verdict": "CLOSE", "because": "a", "outcome": "same"}], False),
        ("matrix", {"attack.nrom": ["l2"]}, False),
        ("subjects", ["nsl"], False),
    ],
)
def test_the_schema_tells_right_from_wrong(section: str, value: Any, valid: bool) -> None:
    assert satisfies(value, json_schema()["properties"][section]) is valid


def satisfies(value: Any, schema: Any) -> bool:
    """Whether a value satisfies a schema, for the keywords that ours uses."""
    types = {"object": dict, "array": list, "string": str, "null": type(None), "number": (int, float), "integer": int}
    types["boolean"] = bool
    checks = {
        "type": lambda names: any(
            isinstance(value, types[name]) and isinstance(value, bool) == (name == "boolean")
            for name in ([names] if isinstance(names, str) else names)
        ),
        "enum": lambda words: value in words,
        "anyOf": lambda branches: any(satisfies(value, branch) for branch in branches),
        "pattern": lambda pattern: not isinstance(value, str) or re.search(pattern, value) is not None,
        "minimum": lambda limit: not isinstance(value, int | float) or value >= limit,
        "maximum": lambda limit: not isinstance(value, int | float) or value <= limit,
        "exclusiveMinimum": lambda limit: not isinstance(value, int | float) or value > limit,
        "exclusiveMaximum": lambda limit: not isinstance(value, int | float) or value < limit,
        "items": lambda inner: not isinstance(value, list) or all(satisfies(item, inner) for item in value),
        "minItems": lambda limit: not isinstance(value, list) or len(value) >= limit,
        "maxItems": lambda limit: not isinstance(value, list) or len(value) <= limit,
        "uniqueItems": lambda wanted: all(item not in value[:index] for index, item in enumerate(value)),
        "properties": lambda keys: all(satisfies(value[key], inner) for key, inner in keys.items() if key in value),
        "required": lambda keys: all(key in value for key in keys),
        "minProperties": lambda limit: len(value) >= limit,
        "maxProperties": lambda limit: len(value) <= limit,
        "propertyNames": lambda inner: all(satisfies(key, inner) for key in value),
        "additionalProperties": lambda inner: all(
            inner is not False and satisfies(value[key], inner)
            for key in set(value) - set(schema.get("properties", {}))
        ),
    }
    words = {"description", "default", "title", "$schema"}
    if "type" in schema and not checks["type"](schema["type"]):
        return False
    return all(checks[keyword](argument) for keyword, argument in schema.items() if keyword not in words)
