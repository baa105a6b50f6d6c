"""The section ``training``: how the loss is made of clean and adversarial examples, and how it is minimised."""

from __future__ import annotations

from typing import Any

from harness.scenario.complaints import Report
from harness.scenario.node import Node, Path
from harness.scenario.schema.epsilon import EPSILON
from harness.scenario.schema.forms import INVALID, ListOf, Number, OneOf, OrNull, TrueOrFalse, Whole
from harness.scenario.schema.mapping import REQUIRED, Key, Section, Shorthand
from harness.scenario.schema.model import SEED

MOST_STEPS = 1_000_000
MOST_SEEDS = 1_000

_SETTINGS = {
    "rate": Key(Number(above=0), "The learning rate.", default=REQUIRED),
    "momentum": Key(Number(least=0, below=1), "How much of the last update goes into the next one.", default=0.0),
    "nesterov": Key(TrueOrFalse(), "Whether the momentum is Nesterov's.", default=False),
    "weight_decay": Key(Number(least=0), "The share, times the rate, that each weight loses in a step.", default=0.0),
    "clip_norm": Key(
        OrNull(Number(above=0)),
        "The l2 norm of all gradients together beyond which they are scaled down to it; null: none.",
        default=None,
    ),
}
_OF_SOME = {"momentum": ("sgd", "rmsprop"), "nesterov": ("sgd",)}
"""Settings that only some optimizers have."""


def _optimizer(kind: str, description: str) -> Key:
    """An optimizer: its rate, or a mapping of settings. Those that it does not have are in the canonical form too."""
    others = [name for name, kinds in _OF_SOME.items() if kind not in kinds]

    def finish(values: dict[str, Any], node: Node, at: Path, report: Report) -> Any:
        if values.get("nesterov") and not values["momentum"]:
            report.at(node.find(("nesterov",)), (*at, "nesterov"), "needs a momentum above 0. State one, or remove it.")
            return INVALID
        return {"kind": kind, **{name: values.get(name, key.default) for name, key in _SETTINGS.items()}}

    section = Section(
        description,
        {name: key for name, key in _SETTINGS.items() if name not in others},
        finish=finish,
        reserved={name: f"goes with {' or '.join(_OF_SOME[name])}, not with {kind}. Remove it." for name in others},
    )
    return Key(Shorthand("rate", section), f"{description} Its rate, or a mapping of its settings.")


def _the_only_one(values: dict[str, Any], node: Node, at: Path, report: Report) -> Any:
    (settings,) = values.values()
    return settings


OPTIMIZER = Section(
    "An optimizer with its learning rate, the same for every subject.",
    {
        "sgd": _optimizer("sgd", "Gradient descent, with momentum where it is stated."),
        "adam": _optimizer("adam", "Adam, by the settings of its paper."),
        "rmsprop": _optimizer("rmsprop", "RMSprop."),
    },
    finish=_the_only_one,
    exactly_one=True,
)


def _not_both_zero(values: dict[str, Any], node: Node, at: Path, report: Report) -> Any:
    if values["clean"] or values["adversarial"]:
        return values
    report.at(node, at, "expected at least one weight above 0, got 0 for both.")
    return INVALID


WEIGHTING = Section(
    "The weights of clean and adversarial loss. Each subject expresses their ratio its own way.",
    {
        "clean": Key(Number(least=0), "The weight of the clean loss.", default=REQUIRED),
        "adversarial": Key(Number(least=0), "The weight of the adversarial loss.", default=REQUIRED),
    },
    finish=_not_both_zero,
)


def _low_before_high(values: dict[str, Any], node: Node, at: Path, report: Report) -> Any:
    if values["low"] < values["high"]:
        return values
    message = f"expected more than training.sample_weights.low, {values['low']:g}, got {values['high']:g}."
    report.at(node.items["high"], (*at, "high"), message)
    return INVALID


SAMPLE_WEIGHTS = Section(
    "A weight for each example, drawn uniformly from low to high.",
    {
        "low": Key(Number(least=0), "The smallest weight.", default=REQUIRED),
        "high": Key(Number(least=0), "The largest weight, above low.", default=REQUIRED),
        "seed": Key(SEED, "The seed of the generator.", default=0),
    },
    finish=_low_before_high,
)

EVALUATE = Section(
    "When clean accuracy and accuracy under attack are measured on the test split, and how strong that attack is.",
    {
        "every": Key(Whole(0, MOST_STEPS), "After every so many steps, and at the end; 0: only there.", default=0),
        "epsilons": Key(
            ListOf("a list of at least one epsilon", EPSILON, least=1, distinct=True),
            "How far the attack of the evaluation may move an example, in units of x. Default: attack.epsilon, or 0.1.",
        ),
    },
)

_MODE = OneOf("a mode", ("training", "inference"))

TRAINING = Section(
    "Kinds loss and training: the loss and how it is minimised. What is left out of weighting, gradient_flow, mode and "
    "attack_mode is left to each library's own default.",
    {
        "weighting": Key(WEIGHTING, "{clean: WEIGHT, adversarial: WEIGHT}, not both 0."),
        "match_scale": Key(
            TrueOrFalse(),
            "Whether the factor by which a library's loss differs from the weighting is folded into the learning rate.",
            default=True,
        ),
        "smoothing": Key(Number(least=0, below=1), "Label smoothing of the loss. Default: none."),
        "sample_weights": Key(SAMPLE_WEIGHTS, "A weight for each example. Default: all count the same."),
        "gradient_flow": Key(
            OneOf("a gradient flow", ("stopped", "through")),
            "Whether the gradient of the adversarial loss is stopped at the perturbation or goes through it.",
        ),
        "mode": Key(_MODE, "The mode in which the model computes the two losses (dropout, batch normalisation)."),
        "attack_mode": Key(_MODE, "The mode in which the model computes the gradient that the attack follows."),
        "optimizer": Key(OPTIMIZER, "Kind training: {sgd: RATE}, {adam: RATE} or {rmsprop: RATE}."),
        "steps": Key(Whole(1, MOST_STEPS), "Kind training: how many updates."),
        "batch_size": Key(Whole(1), "Kind training: examples in one step; the last batch of an epoch may be smaller."),
        "seeds": Key(Whole(1, MOST_SEEDS), "Kind training: how many repetitions, for a statement on all.", default=1),
        "seed": Key(SEED, "Kind training: orders the batches.", default=0),
        "evaluate": Key(EVALUATE, "Kind training: when and how accuracy is measured."),
        "margin": Key(
            Number(above=0, below=100),
            "Kind training: percentage points of accuracy within which two subjects are equivalent.",
            default=1.0,
        ),
    },
)
"""Which keys a kind needs and which it refuses: ``harness.scenario.kinds``."""
