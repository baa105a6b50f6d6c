"""CleverHans 3.1.0: ``cleverhans.attacks.FastGradientMethod.generate``, the API for TensorFlow 1."""

from __future__ import annotations

import collections
import collections.abc
import inspect
import sys
import types
import warnings
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.environments import CLEVERHANS_V3, TENSORFLOW_1, version_in
from harness.subjects.protocol import Batch, Models, Perturbation
from harness.subjects.translate import (
    CROSS_ENTROPY,
    ORDERS,
    norm_of_order,
    refuse_feature_mask,
    single_input,
    target_class,
    timed,
    two_sided_clip,
)
from harness.vocabulary import Unsupported

LIBRARY = "cleverhans"
API = "cleverhans.attacks.FastGradientMethod.generate"
ENVIRONMENT = TENSORFLOW_1

_NAME = "cleverhans-v3"


def version() -> str:
    """See ``Subject.version``."""
    mend = f"python -m pip install --no-deps --target {CLEVERHANS_V3} cleverhans==3.1.0"
    return version_in(CLEVERHANS_V3, LIBRARY, mend=mend)


def import_cleverhans() -> tuple[types.ModuleType, types.ModuleType]:
    """TensorFlow as version 1 and the library on it, in a process of its environment."""
    import tensorflow.compat.v1 as tf1  # pyright: ignore[reportMissingImports]  (TensorFlow makes it when imported)

    # Python 3.10 moved it to collections.abc; the library looks for it in the old place.
    setattr(collections, "Hashable", collections.abc.Hashable)  # noqa: B010
    # Imported by an attack (SPSA) that is not compared here.
    sys.modules.setdefault("tensorflow_addons", types.ModuleType("tensorflow_addons"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import cleverhans.attacks  # pyright: ignore[reportMissingImports]  (3.1.0, in its own folder)
        import cleverhans.model  # pyright: ignore[reportMissingImports]

        return tf1, cleverhans


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    x = single_input(batch, _NAME)
    refuse_feature_mask(attack, _NAME)
    if models.output != "logits":
        raise Unsupported(f"{_NAME} takes logits only: it asserts that it is not given the output of a softmax")
    two_sided_clip(attack, _NAME)
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
    arguments: dict[str, Any] = {}
    if "epsilon" in attack:
        arguments["eps"] = attack["epsilon"]
    if "norm" in attack:
        arguments["ord"] = ORDERS[attack["norm"]]
    one_hot = np.eye(batch.classes, dtype=batch.dtype)
    target = target_class(attack)
    if target is not None:
        arguments["y_target"] = tf1.constant(np.repeat(one_hot[target][None], len(batch.labels), axis=0))
    elif attack.get("labels") == "given":
        arguments["y"] = tf1.constant(one_hot[batch.labels])
    clip = two_sided_clip(attack, _NAME)
    if clip is not None:
        arguments["clip_min"], arguments["clip_max"] = clip
    if "loss_reduction" in attack:
        reduce = {"none": tf1.identity, "mean": tf1.reduce_mean, "sum": tf1.reduce_sum}[attack["loss_reduction"]]
        arguments["loss_fn"] = lambda labels, logits: reduce(
            tf1.nn.softmax_cross_entropy_with_logits_v2(labels=tf1.stop_gradient(labels), logits=logits)
        )
    return arguments


def _settings(used: Mapping[str, Any], attack: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
    """What the library used: the arguments it got, and the defaults of its ``parse_params`` for the others."""
    clip = [used["clip_min"], used["clip_max"]]
    stated_labels = used["y"] is not None or used["y_target"] is not None
    return {
        "epsilon": float(used["eps"]),
        "norm": norm_of_order(used["ord"]),
        "labels": attack["labels"] if stated_labels else "predicted",
        "clip": None if clip == [None, None] else clip,
        "loss": CROSS_ENTROPY,
        "loss_reduction": attack.get("loss_reduction", "none"),
        "feature_mask": None,
        "dtype": batch.dtype,
    }
