"""Whatever stands in a file, it gives cases or complaints with a place; never anything else.

Each test generates ``HARNESS_GENERATED`` files, or 200 that are the same every time.
"""

from __future__ import annotations

import copy
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from harness.scenario.cases import read_cases
from harness.scenario.complaints import Complaint, ScenarioError
from harness.scenario.paths import Permissions
from harness.scenario.schema.settings import SETTINGS
from harness.vocabulary import NORMS, SUBJECTS, Case, Verdict, canonical_json, plain

EPSILONS = st.one_of(st.floats(0, 10), st.integers(0, 3), st.sampled_from(["8/255", "1/3"]))
LAYERS = st.lists(
    st.sampled_from(["relu", "batchnorm", {"dense": 4}, {"conv": 2}, {"pool": 2}, {"dropout": 0.5}]), max_size=4
)
SOURCES = {"digits": 10, "iris": 3, "wine": 3, "breast_cancer": 2, "blobs": 3}
TRAINING = {
    "weighting": st.fixed_dictionaries({"clean": st.floats(0, 2), "adversarial": st.floats(0, 2)}),
    "match_scale": st.booleans(),
    "smoothing": st.floats(0, 1),
    "sample_weights": st.fixed_dictionaries({"low": st.floats(0, 1), "high": st.floats(1, 2)}),
    "gradient_flow": st.sampled_from(["stopped", "through"]),
    "mode": st.sampled_from(["training", "inference"]),
}
OF_SGD = {"momentum": st.floats(0, 0.99), "nesterov": st.booleans(), "clip_norm": st.none() | st.floats(0.1, 1)}
OPTIMIZERS = st.one_of(
    st.fixed_dictionaries({"adam": st.floats(1e-4, 1)}),
    st.fixed_dictionaries({"sgd": st.fixed_dictionaries({"rate": st.floats(1e-4, 1)}, optional=OF_SGD)}),
)
NEEDED = {"optimizer": OPTIMIZERS, "steps": st.integers(1, 9), "batch_size": st.integers(1, 110)}
FURTHER = {
    "seeds": st.integers(1, 3),
    "evaluate": st.fixed_dictionaries({"every": st.integers(0, 9)}, optional={"epsilons": st.lists(EPSILONS)}),
}
WORDS = st.sampled_from(
    ["", "l2", "nsl", "any", "digits", "mean", "8/255", "x.npz", "a.b:c", "\x85", "é: #", "{", "1e5"]
)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def documents(draw) -> dict[str, Any]:
    """Scenarios that are right, or nearly."""
    source = draw(st.sampled_from(sorted(SOURCES)))
    attack = {"epsilon": EPSILONS, "norm": st.sampled_from(NORMS), "labels": st.sampled_from(["given", {"target": 1}])}
    matrix = {
        "attack.norm": st.lists(st.sampled_from(NORMS), min_size=1, unique=True),
        "attack.epsilon": st.lists(EPSILONS, min_size=1, max_size=3),
        "data.seed": st.lists(st.integers(0, 5), min_size=1, unique=True),
        "model.init.scale": st.lists(st.floats(0.1, 2), min_size=1, max_size=2, unique=True),
    }
    entry = st.fixed_dictionaries(
        {
            "pair": st.lists(st.sampled_from([*SUBJECTS, "any"]), min_size=2, max_size=2),
            "verdict": st.sampled_from([str(verdict) for verdict in Verdict]),
            "because": st.just("It is so."),
        },
        optional={
            "where": st.fixed_dictionaries({}, optional={"attack.norm": st.sampled_from(NORMS)}),
            "outcome": st.sampled_from(["equivalent", "different"]),
        },
    )
    document = {
        "summary": "A test.",
        "kind": draw(st.sampled_from(["perturbation", "loss", "training"])),
        "model": {"layers": [*draw(LAYERS), {"dense": SOURCES[source]}]},
        "data": {"source": source, "batch": draw(st.integers(1, 60))},
        "attack": draw(st.fixed_dictionaries({}, optional=attack)),
        "matrix": draw(st.fixed_dictionaries({}, optional=matrix)),
        "expect": draw(st.lists(entry, max_size=2)),
    }
    if document["kind"] == "perturbation":
        return document
    training = draw(st.fixed_dictionaries({}, optional=TRAINING))
    if document["kind"] == "loss":
        return {**document, "training": training}
    del document["data"]["batch"]
    return {**document, "training": {**training, **draw(st.fixed_dictionaries(NEEDED, optional=FURTHER))}}


def places(value: Any, at: tuple = ()) -> list[tuple]:
    """Paths of all parts of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for step, part in inner for place in places(part, (*at, step)))]


@st.composite
def broken(draw) -> Any:
    """A scenario of which some parts were replaced, removed or added to."""
    document = copy.deepcopy(draw(documents()))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(document)))
        if not path:
            continue
        parent = document
        for step in path[:-1]:
            parent = parent[step]
        change = draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "replace":
            parent[path[-1]] = draw(JUNK)
        elif change == "remove":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            parent[draw(st.one_of(WORDS, st.sampled_from([*SETTINGS, "exclude", "subjects", "training"])))] = draw(JUNK)
    return document


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenarios") / "test.yaml"


def check(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    cases, complaints = outcome(file)
    assert bool(cases) != bool(complaints)
    assert len({case.id for case in cases}) == len(cases)
    assert all(len(case.id) < 300 and canonical_json(plain(case)) for case in cases)
    text = content.decode(errors="replace")
    lines = re.split("\r\n|\r|\n", text)
    for complaint in complaints:
        assert complaint.location.file == str(file)
        assert 1 <= complaint.location.line <= len(lines)
        assert 1 <= complaint.location.column <= len(lines[complaint.location.line - 1]) + 1
        assert "\n" not in complaint.message
        ours = re.sub("'([^']+)'", lambda said: "" if said[1] in text else said[0], complaint.message)
        words = {found[0] for found in INNARDS.finditer(ours)}
        assert all(re.search(rf"\b{word}\b", text) for word in words), "a word of Python's that is not the user's"


INNARDS = re.compile(r"Error|INVALID|object at|\b(NoneType|dict|str|int|float|bool)\b")


def outcome(file: Path) -> tuple[Sequence[Case], Sequence[Complaint]]:
    """Cases or complaints; anything else that is raised is a failure."""
    try:
        return read_cases(file, Permissions(code=True)), ()
    except ScenarioError as error:
        return (), error.complaints


GENERATED = int(os.environ.get("HARNESS_GENERATED", "0"))
ORDINARY = settings(
    max_examples=GENERATED or 200,
    derandomize=not GENERATED,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@ORDINARY
@given(document=documents(), indent=st.sampled_from([None, 1]))
def test_scenarios_that_are_right_or_nearly(file: Path, document: Any, indent: int | None) -> None:
    check(file, json.dumps(document, indent=indent).encode())


@ORDINARY
@given(document=broken(), indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_broken_scenarios(file: Path, document: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    check(file, text.encode(errors="surrogatepass"))


@ORDINARY
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=60).map(str.encode),
        st.text(st.sampled_from("sumary: kind[]{}\n -&*!|>'\"#"), max_size=80).map(str.encode),
    )
)
def test_any_bytes(file: Path, content: bytes) -> None:
    check(file, content)


SHIPPED_FILES = sorted((Path(__file__).resolve().parents[2] / "scenarios").rglob("*.yaml"))
SHIPPED_TEXTS = [file.read_text(encoding="utf-8") for file in SHIPPED_FILES]
LINES = sorted({line for text in SHIPPED_TEXTS for line in text.splitlines()})
TOKENS = sorted({token for text in SHIPPED_TEXTS for token in re.findall(r"[\w.|/-]+", text)})
STROKES = st.one_of(
    st.sampled_from(" \t\n:,-[]{}#&*!|>'\"%@`?~\\"),
    st.sampled_from(["<<", "---\n", "\r", "\x00", "\ufeff", "\x85", "𝛆"]),
)
EXTREMES = ["0", "-1", "1e400", "9" * 400, "9" * 4500, "0x1F", "1/0", "-0.0", ".nan", "65537", "4294967296"]
NUMBERS = st.one_of(st.sampled_from(EXTREMES), st.sampled_from(EXTREMES), st.integers().map(str), st.floats().map(repr))
SLIPS = ["number", "number", "word", "stroke", "cut", "drop", "repeat", "alien", "indent", "end"]


def spans(text: str, pattern: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(pattern, text)] or [(0, 0)]


@st.composite
def mutated(draw) -> str:
    """A shipped scenario with a few slips of the hand: in characters, words, numbers, lines and indentation."""
    text = draw(st.sampled_from(SHIPPED_TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        slip = draw(st.sampled_from(SLIPS))
        place = draw(st.integers(0, len(text)))
        if slip == "stroke":
            text = text[:place] + draw(STROKES) + text[place:]
        elif slip == "cut":
            text = text[:place] + text[place + draw(st.integers(1, 9)) :]
        elif slip == "end":
            text = text[:place]
        elif slip in ("word", "number"):
            start, stop = draw(st.sampled_from(spans(text, r"[A-Za-z_][\w.-]*" if slip == "word" else r"[\d.]+")))
            text = text[:start] + draw(st.sampled_from(TOKENS) | WORDS if slip == "word" else NUMBERS) + text[stop:]
        else:
            lines = text.splitlines(keepends=True) or [""]
            number = draw(st.integers(0, len(lines) - 1))
            line = lines[number]
            lines[number] = {
                "drop": "",
                "repeat": line + line,
                "alien": line + draw(st.sampled_from(LINES)) + "\n",
                "indent": " " * draw(st.integers(0, 5)) + line.lstrip(),
            }[slip]
            text = "".join(lines)
    return text


@ORDINARY
@given(mutated())
def test_shipped_scenarios_with_slips_of_the_hand(file: Path, text: str) -> None:
    check(file, text.encode(errors="surrogatepass"))


KEYS = st.sampled_from(
    ["summary", "kind", "tags", "model", "data", "attack", "training", "subjects", "matrix", "expect"]
)
PARTS = st.recursive(
    st.one_of(WORDS, st.sampled_from(TOKENS), st.integers(-2, 99), st.floats(), st.none(), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(KEYS, st.sampled_from(TOKENS), st.integers(0, 3), st.booleans()), inner, max_size=4),
    ),
    max_leaves=25,
)


@ORDINARY
@example(document={"summary": [], "kind": {"float": {}}}, flow=False, indent=2, width=1000)
@given(
    document=st.one_of(st.dictionaries(st.one_of(KEYS, st.sampled_from([*SETTINGS])), PARTS, max_size=10), PARTS),
    flow=st.sampled_from([True, False, None]),
    indent=st.integers(2, 7),
    width=st.sampled_from([20, 80, 1000]),
)
def test_any_yaml(file: Path, document: Any, flow: bool | None, indent: int, width: int) -> None:
    """In the hand of another program: flow and block style, folded lines, anchors of what stands twice."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.indent, yaml.width = flow, indent, width
    yaml.dump(document, stream := io.BytesIO())
    check(file, stream.getvalue())
