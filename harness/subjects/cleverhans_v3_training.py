"""CleverHans 3.1.0: ``cleverhans.loss.CrossEntropy`` around ``FastGradientMethod``, minimised by a TF1 optimizer.

What the library does, and no argument changes:

- The attack ascends one cross-entropy for each example, whatever is minimised: neither the mean over the batch nor
  label smoothing reaches it.
- ``CrossEntropy`` passes further keyword arguments on to the model, such as ``training=True``, but the attack calls the
  model without them. There, as in the losses when nothing is passed, Keras's learning phase decides: inference unless
  it is set. So ``mode`` is the argument, and ``attack_mode`` the learning phase.
- Gradients pass through the perturbation, except that under linf it ends in ``tf.stop_gradient``. Under l1, too, it is
  piecewise constant: its derivative is zero wherever gradients are finite.
- The model's own losses are not added.
- ``cleverhans.train.train`` runs what is in ``GraphKeys.UPDATE_OPS``. Keras's layers put nothing there, so that the
  moving statistics of a batch normalisation stay as they were, in training mode, too.
"""

from __future__ import annotations

import inspect
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from harness.subjects.protocol import Batch, Losses, LossEvidence, Models
from harness.subjects.translate import (
    CROSS_ENTROPY,
    Objective,
    as_coefficient,
    norm_of_order,
    refuse_gradient_flow,
    refuse_sample_weights,
    single_input,
    target_class,
    timed,
    training_defaulted,
    training_loss_reduction,
    training_settings,
    weight_names,
)
from harness.vocabulary import Unsupported


def loss_evidence(models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> LossEvidence:
    """See ``Subject.loss_evidence``. With dropout each of the three losses draws its own numbers."""
    practice = _practice(models, batch, attack, training)
    with _new_graph(practice) as made:
        before, model = models.build_before(dtype=batch.dtype), models.build(dtype=batch.dtype)
        outer = before.trainable_weights if before is not None else []
        weights = [*outer, *model.trainable_weights]
        names = [
            *weight_names((weight.name for weight in outer), before=True),
            *weight_names(weight.name for weight in model.trainable_weights),
        ]
        features, labels = _placeholders(made.tf1, batch)

        def step() -> Any:
            x = features if before is None else before(features, **practice.model_arguments)
            losses = _losses(made, practice, model, x, labels)
            gradients = made.tf1.gradients(
                losses["total"], weights, unconnected_gradients=made.tf1.UnconnectedGradients.ZERO
            )
            return made.session.run([losses, gradients], {features: _features(batch), labels: batch.one_hot})

        call = timed(step)
        losses, gradients = call.value
        return LossEvidence(
            losses=Losses(**losses),
            gradients=dict(zip(names, gradients, strict=True)),
            settings=practice.settings(model),
            defaulted=practice.defaulted,
            seconds=call.seconds,
        )


def trainer(models: Models, example: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> GraphTrainer:
    """See ``Subject.trainer``: the step of ``cleverhans.train.train``, with the optimizer of the case.

    Raises:
        Unsupported: also for weight decay, which TensorFlow 1's optimizers have not.
    """
    section = training["optimizer"]
    if section["weight_decay"]:
        raise Unsupported(f"{NAME} is trained with the optimizers of TensorFlow 1, which have no weight decay")
    practice = _practice(models, example, attack, training)
    with _new_graph(practice) as made:
        tf1 = made.tf1
        model = models.build(dtype=example.dtype)
        features, labels = _placeholders(tf1, example)
        losses = _losses(made, practice, model, features, labels)
        optimizer = _optimizer(tf1, section, rate=section["rate"] * practice.objective.scale)
        gradients = optimizer.compute_gradients(losses["total"], var_list=model.trainable_weights)
        if section["clip_norm"] is not None:
            clipped, _ = tf1.clip_by_global_norm([gradient for gradient, _ in gradients], section["clip_norm"])
            gradients = [(gradient, weight) for gradient, (_, weight) in zip(clipped, gradients, strict=True)]
        # The losses wait for nothing, but the update waits for them: otherwise they could see it.
        with tf1.control_dependencies([*tf1.get_collection(tf1.GraphKeys.UPDATE_OPS), *losses.values()]):
            update = optimizer.apply_gradients(gradients)
        settings = practice.settings(model)
        initial = _initial_slots(optimizer, model.trainable_weights)
        variables = tf1.global_variables()
        made.graph.finalize()
    return GraphTrainer(
        settings=settings,
        defaulted=practice.defaulted,
        tf1=tf1,
        graph=made.graph,
        step_operations=[*losses.values(), update],
        placeholders=[features, labels],
        model_weights=list(model.weights),
        initializers=[variable.initializer for variable in variables],
        initial=initial,
    )


@dataclass
class GraphTrainer:
    """See ``Trainer``. One finalized graph; each trajectory has a session of its own, and with it all of the state.

    Attributes:
        settings, defaulted: see ``Trainer``.
        tf1, graph: TensorFlow as version 1, and the graph.
        step_operations: the losses clean, adversarial and total, and the update.
        placeholders: of features and labels.
        model_weights: variables, in the order of ``model.weights``.
        initializers: of all variables, those of the optimizer included.
        initial: initial values by tensor, in place of those in the graph.
    """

    settings: Mapping[str, Any]
    defaulted: tuple[str, ...]
    tf1: Any
    graph: Any
    step_operations: list[Any]
    placeholders: list[Any]
    model_weights: list[Any]
    initializers: list[Any]
    initial: Mapping[Any, np.ndarray]
    _session: Any = None
    _run: Any = None

    def begin(self, weights: Sequence[np.ndarray]) -> None:
        """See ``Trainer.begin``."""
        if self._session is not None:
            self._session.close()
        self._session = self.tf1.Session(graph=self.graph)
        given = {_initial_value(variable): array for variable, array in zip(self.model_weights, weights, strict=True)}
        self._session.run(self.initializers, {**self.initial, **given})
        self._run = self._session.make_callable(self.step_operations, feed_list=self.placeholders)

    def step(self, batch: Batch) -> Losses:
        """See ``Trainer.step``."""
        clean, adversarial, total, _ = self._run(_features(batch), batch.one_hot)
        return Losses(clean, adversarial, total)

    def weights(self) -> list[np.ndarray]:
        """See ``Trainer.weights``."""
        return self._session.run(self.model_weights)


@dataclass(frozen=True)
class _Practice:
    """What the library is told for a case, and what it then does.

    Attributes:
        objective: how it weighs the losses.
        stated: arguments of ``CrossEntropy`` for what the case states.
        attack_params: arguments of ``FastGradientMethod.generate``, likewise.
        model_arguments: further arguments of ``CrossEntropy``, which it passes on to the model.
        learning_phase: Keras's, 0 or 1.
        settings_without_model: for the report, but for ``regularization``, which depends on the model.
        defaulted: see ``Trainer``.
    """

    objective: Objective
    stated: Mapping[str, Any]
    attack_params: Mapping[str, Any]
    model_arguments: Mapping[str, Any]
    learning_phase: int
    settings_without_model: Mapping[str, Any]
    defaulted: tuple[str, ...]

    def settings(self, model: Any) -> dict[str, Any]:
        """What was really used, as JSON values."""
        return {
            **self.settings_without_model,
            "regularization": "not added" if model.losses else None,
            "statistics": "kept" if model.non_trainable_weights else None,
        }


def _practice(models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> _Practice:
    refuse_what_the_attack_has_not(models, batch, attack)
    if target_class(attack) is not None:
        raise Unsupported(f"{NAME} passes the labels of the batch to the attack, or none; this case names a target")
    if training_loss_reduction(attack) != "mean":
        raise Unsupported(f"{NAME} takes the mean of the losses over the batch")
    refuse_sample_weights(training, NAME)
    _, cleverhans = import_cleverhans()
    loss_defaults = _defaults(cleverhans.loss.CrossEntropy.__init__)
    attack_params = attack_arguments(attack)
    used = _defaults(cleverhans.attacks.FastGradientMethod.parse_params) | attack_params
    norm = norm_of_order(used["ord"])
    flow = "stopped" if norm == "linf" else "through"
    refuse_gradient_flow(training, flow, norm=norm, library=NAME)

    objective = as_coefficient(training, default=loss_defaults["adv_coeff"])
    stated: dict[str, Any] = {}
    if "weighting" in training:
        stated["adv_coeff"] = objective.adversarial
    if "labels" in attack:
        stated["pass_y"] = attack["labels"] == "given"
    if "smoothing" in training:
        stated["smoothing"] = training["smoothing"]
    attack_mode = training.get("attack_mode", "inference")
    mode = training.get("mode", attack_mode)  # of which nothing is said, the learning phase decides
    settings = {
        "epsilon": float(used["eps"]),
        "norm": norm,
        "labels": "given" if stated.get("pass_y", loss_defaults["pass_y"]) else "predicted",
        "clip": clip_used(used),
        "loss": CROSS_ENTROPY,
        "loss_reduction": "mean",
        "feature_mask": None,
        "dtype": batch.dtype,
        **training_settings(
            training,
            objective,
            gradient_flow=flow,
            mode=mode,
            attack_mode=attack_mode,
            regularization=None,
            statistics=None,
        ),
    }
    named = ("epsilon", "norm", "labels", "clip", "loss", "loss_reduction")
    return _Practice(
        objective=objective,
        stated=stated,
        attack_params=attack_params,
        model_arguments={"training": mode == "training"} if "mode" in training else {},
        learning_phase=int(attack_mode == "training"),
        settings_without_model=settings,
        defaulted=(*(name for name in named if name not in attack), *training_defaulted(training)),
    )


def _defaults(function: Any) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


@dataclass(frozen=True)
class _Graph:
    tf1: types.ModuleType
    cleverhans: types.ModuleType
    graph: Any
    session: Any


@contextmanager
def _new_graph(practice: _Practice) -> Iterator[_Graph]:
    """A graph of the case's own, as default, and a session that ends with the block."""
    tf1, cleverhans = import_cleverhans()
    graph: Any = tf1.Graph()
    session: Any = tf1.Session(graph=graph)
    try:
        with graph.as_default(), session.as_default(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tf1.set_random_seed(0)
            # Set in either case: otherwise it is a placeholder, and every layer that asks for it becomes two branches.
            tf1.keras.backend.set_learning_phase(practice.learning_phase)
            yield _Graph(tf1, cleverhans, graph, session)
    finally:
        session.close()


def _losses(made: _Graph, practice: _Practice, model: Any, x: Any, labels: Any) -> dict[str, Any]:
    """The fields of ``Losses`` as tensors: what the library makes of each, one call for each."""
    wrapper = made.cleverhans.model.CallableModelWrapper(model, "logits")
    attack = made.cleverhans.attacks.FastGradientMethod(wrapper, sess=made.session, dtypestr=x.dtype.name)

    def loss(arguments: Mapping[str, Any]) -> Any:
        cross_entropy = made.cleverhans.loss.CrossEntropy(
            wrapper,
            **{**practice.stated, **arguments},
            attack_params=practice.attack_params,
            **practice.model_arguments,
        )
        return cross_entropy.fprop(x, labels)

    return {
        "clean": loss({"attack": None}),
        "adversarial": loss({"attack": attack, "adv_coeff": 1.0}),
        "total": loss({"attack": attack}),
    }


def _placeholders(tf1: Any, batch: Batch) -> tuple[Any, Any]:
    x = single_input(batch, NAME)
    return tf1.placeholder(batch.dtype, (None, *x.shape[1:])), tf1.placeholder(batch.dtype, (None, batch.classes))


def _features(batch: Batch) -> np.ndarray:
    return next(iter(batch.inputs.values()))


def _optimizer(tf1: Any, section: Mapping[str, Any], *, rate: float) -> Any:
    """TensorFlow 1's optimizer with the settings that the Keras optimizer of the same name has."""
    if section["kind"] == "adam":
        return tf1.train.AdamOptimizer(rate, beta1=0.9, beta2=0.999, epsilon=1e-7)
    if section["kind"] == "rmsprop":
        return tf1.train.RMSPropOptimizer(rate, decay=0.9, momentum=section["momentum"], epsilon=1e-7)
    if section["momentum"]:
        return tf1.train.MomentumOptimizer(rate, section["momentum"], use_nesterov=section["nesterov"])
    return tf1.train.GradientDescentOptimizer(rate)


def _initial_slots(optimizer: Any, weights: Sequence[Any]) -> dict[Any, np.ndarray]:
    """Zeros for the mean square of RMSprop, as Keras has it: TensorFlow 1 begins with ones."""
    if "rms" not in optimizer.get_slot_names():
        return {}
    slots = [slot for weight in weights if (slot := optimizer.get_slot(weight, "rms")) is not None]
    return {_initial_value(slot): np.zeros(slot.shape, slot.dtype.as_numpy_dtype) for slot in slots}


def _initial_value(variable: Any) -> Any:
    """The tensor that the variable's initializer assigns. Fed, it is what the variable gets; no operation is added."""
    return variable.initializer.inputs[1]
