"""The whole file. Its settings (model, data, attack, training) are read at each point of the matrix, the rest once."""

from __future__ import annotations

from typing import Any, get_args

from harness.scenario.complaints import Report, describe, quote
from harness.scenario.node import Node, Path
from harness.scenario.schema.forms import INVALID, Anything, Custom, Form, JsonSchema, ListOf, MapOf, OneOf, Text
from harness.scenario.schema.mapping import REQUIRED, Key, Section
from harness.scenario.schema.settings import SECTIONS, SETTINGS
from harness.vocabulary import OWN_SUBJECT, SUBJECTS, Kind, Verdict, is_own

ANY = "any"
KINDS = get_args(Kind)
ANSWERS = ("equivalent", "different", "undecided")

_LINE = Text("one line of text")


def _different(pair: Form) -> Custom:
    def read(node: Node, at: Path, report: Report) -> Any:
        names = pair.read(node, at, report)
        if names is not INVALID and names[0] == names[1] != ANY:
            report.at(node, at, f"expected two different subjects, got '{names[0]}' twice.")
            return INVALID
        return names

    return Custom(read, pair.schema())


def _subject(*further: str) -> Custom:
    shipped = OneOf("a subject", (*SUBJECTS, *further))

    def read(node: Node, at: Path, report: Report) -> Any:
        if isinstance(node.value, str) and is_own(node.value):
            return node.value
        if isinstance(node.value, str) and ":" in node.value:
            message = "is not a subject. Write one of your own as module:function, e.g. my_package.attacks:fgsm."
            report.at(node, at, f"{quote(node.value)} {message}")
            return INVALID
        return shipped.read(node, at, report)

    return Custom(read, {"anyOf": [shipped.schema(), {"type": "string", "pattern": f"^{OWN_SUBJECT}$"}]})


_PAIR = _different(ListOf("two subjects", _subject(ANY), least=2, most=2))
_GROUP = ListOf("a list of at least two subjects", _subject(), least=2, distinct=True)


def _pair_or_group(values: dict[str, Any], node: Node, at: Path, report: Report) -> Any:
    if ("pair" in values) == ("among" in values):
        message = "expected either pair: [subject, subject] or among: [subject, subject, ...]"
        report.at(node, at, f"{message}, got {describe(node.value)}.")
        return INVALID
    return values


EXPECT = Section(
    "The verdict that some pairs must have, and why.",
    {
        "pair": Key(_PAIR, "Two subjects; the word any stands for each of them."),
        "among": Key(_GROUP, "Instead of pair: every pair of these subjects."),
        "verdict": Key(
            OneOf("a verdict", [str(verdict) for verdict in Verdict]),
            "EQUAL: bit for bit. CLOSE: round-off explains it. DIVERGED. UNSUPPORTED: a side cannot express it. ERROR.",
            default=REQUIRED,
        ),
        "where": Key(
            MapOf("a mapping of dotted setting to value", Anything(), keys=tuple(SETTINGS)),
            "Only in cases where each of these settings has this value, or one of a list of values.",
            default={},
        ),
        "outcome": Key(
            OneOf("an answer of the equivalence test", ANSWERS),
            "Kind training with seeds of at least 2: what the equivalence test over the seeds must answer.",
        ),
        "because": Key(_LINE, "Why this is so, in one line.", default=REQUIRED),
    },
    finish=_pair_or_group,
)


def _scenario(settings: dict[str, Form]) -> Section:
    return Section(
        "A scenario of the harness: a question, with the settings given to every subject.",
        {
            "summary": Key(_LINE, "What a reader learns from this scenario, in one line.", default=REQUIRED),
            "kind": Key(
                OneOf("a kind", KINDS),
                "What is compared. perturbation: the adversarial examples for a batch. loss: the losses of a batch and "
                "the gradients of all weights. training: the weights after many steps from the same ones.",
                default=REQUIRED,
            ),
            "tags": Key(
                ListOf(
                    "a list of words",
                    Text("a word of letters, digits, '-', '_' and '.'", r"[A-Za-z0-9][A-Za-z0-9_.-]*"),
                    distinct=True,
                ),
                "Words to select the scenario by (-t).",
                default=[],
            ),
            "model": Key(settings["model"], SECTIONS["model"].description),
            "data": Key(settings["data"], SECTIONS["data"].description),
            "attack": Key(settings["attack"], SECTIONS["attack"].description),
            "training": Key(settings["training"], SECTIONS["training"].description),
            "subjects": Key(
                _GROUP,
                "Who takes part; module:function is one of your own, which needs --allow-code. Default: all.",
                default=list(SUBJECTS),
            ),
            "matrix": Key(
                MapOf(
                    "a mapping of dotted setting to a list of values",
                    ListOf("a list of at least one value", Anything(), least=1),
                    keys=tuple(SETTINGS),
                ),
                "Dotted setting (e.g. attack.norm) to a list of values. Every combination of the values is a case.",
                default={},
            ),
            "exclude": Key(
                ListOf(
                    "a list of points",
                    MapOf("a mapping of dotted setting to value", Anything(), least=1, keys=tuple(SETTINGS)),
                ),
                "Points of the matrix to leave out: dotted setting to value, or to a list of values.",
                default=[],
            ),
            "expect": Key(
                ListOf("a list of expectations", EXPECT),
                "The verdicts that this scenario states. The first entry that fits a pair counts.",
                default=[],
            ),
        },
    )


FRAME = _scenario({name: Anything() for name in SECTIONS})
"""The form of a file, its settings unread."""


def json_schema() -> JsonSchema:
    """The JSON Schema (draft 2020-12) of scenario files."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Scenario"}
    return head | _scenario(dict(SECTIONS)).schema()
