"""CleverHans 3.1.0: ``cleverhans.attacks.FastGradientMethod.generate``, the API for TensorFlow 1.

Its loss for adversarial training, ``cleverhans.loss.CrossEntropy``, is run in ``cleverhans_v3_training``.
"""

from __future__ import annotations

import inspect
import warnings
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.cleverhans_v3_library import (
    NAME,
    attack_arguments,
    clip_used,
    import_cleverhans,
    refuse_what_the_attack_has_not,
)
from harness.subjects.cleverhans_v3_training import loss_evidence, trainer
from harness.subjects.environments import CLEVERHANS_V3, TENSORFLOW_1, version_in
from harness.subjects.protocol import Batch, Models, Perturbation
from harness.subjects.translate import CROSS_ENTROPY, norm_of_order, single_input, target_class, timed

__all__ = ["generate_arguments", "import_cleverhans", "loss_evidence", "perturb", "trainer", "version"]

LIBRARY = "cleverhans"
API = "cleverhans.attacks.FastGradientMethod.generate"
ENVIRONMENT = TENSORFLOW_1


def version() -> str:
    """See ``Subject.version``."""
    mend = f"python -m pip install --no-deps --target {CLEVERHANS_V3} cleverhans==3.1.0"
    return version_in(CLEVERHANS_V3, LIBRARY, mend=mend)


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    refuse_what_the_attack_has_not(models, batch, attack)
    x = single_input(batch, NAME)
    graph = _graph_for(models, batch.dtype, x.shape)
    try:
        return _perturb_in(graph, x, batch, attack)
    except Exception:
        # The message names nodes, and their names tell what was in the graph before. In a graph of its own it repeats.
        if graph.cases == 1:
            raise
        return _perturb_in(_renewed(models, batch.dtype, x.shape), x, batch, attack)


def _perturb_in(graph: _Graph, x: np.ndarray, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    with graph.graph.as_default(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = generate_arguments(graph.tf1, attack, batch)
        call = timed(lambda: graph.run(graph.attack.generate(graph.placeholder, **arguments), x))
        outputs = [graph.run(graph.logits, value) for value in (x, call.value)]
    defaults = inspect.signature(graph.attack.parse_params).parameters
    return Perturbation(
        adversarial={next(iter(batch.inputs)): call.value},
        settings=_settings(
            {name: parameter.default for name, parameter in defaults.items()} | arguments, attack, batch
        ),
        defaulted=tuple(
            name for name in ("epsilon", "norm", "labels", "clip", "loss", "loss_reduction") if name not in attack
        ),
        clean_output=outputs[0],
        adversarial_output=outputs[1],
        seconds=call.seconds,
    )


@dataclass
class _Graph:
    """A graph with a model and the attack on it, and a session.

    Attributes:
        models: the problem's, as long as they are in hand.
        cases: how many it has served.
    """

    models: weakref.ref
    dtype: str
    shape: tuple[int, ...]
    tf1: Any
    graph: Any
    session: Any
    placeholder: Any
    logits: Any
    attack: Any
    cases: int = 0

    def serves(self, models: Models, dtype: str, shape: tuple[int, ...]) -> bool:
        fits = self.models() is models and (self.dtype, self.shape) == (dtype, shape)
        # Code of the user's may draw random numbers, and how many were drawn before is then part of the graph's state.
        return fits and models.declared and self.cases < _CASES_A_GRAPH

    def run(self, tensor: Any, x: np.ndarray) -> np.ndarray:
        return self.session.run(tensor, {self.placeholder: x})


_CASES_A_GRAPH = 50
"""`generate` only ever adds to the graph that it finds, so the graph is renewed now and then."""

_in_hand: _Graph | None = None


def _graph_for(models: Models, dtype: str, shape: tuple[int, ...]) -> _Graph:
    """The graph in hand, or a new one for another model: building the model takes longer than the attack."""
    graph = _in_hand
    if graph is None or not graph.serves(models, dtype, shape):
        graph = _renewed(models, dtype, shape)
    else:
        graph.cases += 1
    return graph


def _renewed(models: Models, dtype: str, shape: tuple[int, ...]) -> _Graph:
    global _in_hand
    if _in_hand is not None:
        _in_hand.session.close()
        _in_hand = None
    tf1, cleverhans = import_cleverhans()
    graph = tf1.Graph()
    session = tf1.Session(graph=graph)
    with graph.as_default(), session.as_default(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tf1.set_random_seed(0)
        model = models.build(dtype=dtype)
        placeholder = tf1.placeholder(dtype, shape)
        logits = model(placeholder)
        attack = cleverhans.attacks.FastGradientMethod(
            cleverhans.model.CallableModelWrapper(model, "logits"), sess=session, dtypestr=dtype
        )
    _in_hand = _Graph(weakref.ref(models), dtype, shape, tf1, graph, session, placeholder, logits, attack, cases=1)
    return _in_hand


def generate_arguments(tf1: Any, attack: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
    """Arguments of ``generate`` for what the case states; the rest stays the library's default."""
    arguments = attack_arguments(attack)
    one_hot = np.eye(batch.classes, dtype=batch.dtype)
    target = target_class(attack)
    if target is not None:
        arguments["y_target"] = tf1.constant(np.repeat(one_hot[target][None], len(batch.labels), axis=0))
    elif attack.get("labels") == "given":
        arguments["y"] = tf1.constant(one_hot[batch.labels])
    if "loss_reduction" in attack:
        reduce = {"none": tf1.identity, "mean": tf1.reduce_mean, "sum": tf1.reduce_sum}[attack["loss_reduction"]]
        arguments["loss_fn"] = lambda labels, logits: reduce(
            tf1.nn.softmax_cross_entropy_with_logits_v2(labels=tf1.stop_gradient(labels), logits=logits)
        )
    return arguments


def _settings(used: Mapping[str, Any], attack: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
    """What the library used: the arguments it got, and the defaults of its ``parse_params`` for the others."""
    stated_labels = used["y"] is not None or used["y_target"] is not None
    return {
        "epsilon": float(used["eps"]),
        "norm": norm_of_order(used["ord"]),
        "labels": attack["labels"] if stated_labels else "predicted",
        "clip": clip_used(used),
        "loss": CROSS_ENTROPY,
        "loss_reduction": attack.get("loss_reduction", "none"),
        "feature_mask": None,
        "dtype": batch.dtype,
    }
