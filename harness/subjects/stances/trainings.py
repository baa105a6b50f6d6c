"""A training of any stance, on the reimplementation. Runs in a worker; TensorFlow is imported when called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.keras2 import cross_entropy, labels_for_loss
from harness.subjects.keras2 import optimizer as keras_optimizer
from harness.subjects.protocol import Batch, Models
from harness.subjects.stances.attacks import conventions_of, losses_of, shared_by_ties, tied_classes
from harness.subjects.stances.optimizers import FirstVersion
from harness.subjects.stances.stance import (
    EACH_PASS,
    OWN_DRAWS,
    SUBTRACTED,
    TENSORFLOW_1_OPTIMIZER,
    Stance,
    plainest,
)
from harness.subjects.stances.steps import needs_two_passes, predicting_first
from harness.vocabulary import canonical_json


@dataclass(frozen=True)
class Trained:
    """What a training left.

    Attributes:
        losses: total loss of each step, float64 ``(steps,)``, before its update.
        trajectory: the weights after each recorded step, ``(recorded, params)``.
    """

    losses: np.ndarray
    trajectory: np.ndarray


def result_key(stance: Stance) -> str:
    """Equal for stances that lead to the same result as far as is known beforehand."""
    plain = plainest(stance)
    rate, weighting = plain["learning-rate"], plain["loss-weighting"]
    factor = rate["factor"]
    # A power of two rounds nothing, wherever it is multiplied in. A penalty does not have it.
    if rate["folds"] and plain["regularization"] != "added" and np.frexp(factor)[0] == 0.5:
        plain["learning-rate"] = {"factor": 1.0, "rate": rate["rate"] * factor, "folds": True}
        factor = 1.0
    ratio = {name: value / sum(weighting.values()) for name, value in weighting.items()}
    plain["loss-weighting"] = {name: value * factor for name, value in ratio.items()}
    if plain["random-draws"] == OWN_DRAWS:
        plain["random-draws"] = EACH_PASS
    return canonical_json(plain)


class Trainings:
    """The training of one problem under many stances. What several share is computed once.

    Args:
        models: of the problem.
        batches: all batches of the training, in order.
        start: initial weights, in the order of ``model.weights``.
        training: section of the case.
        recorded: after how many steps the weights of a trajectory are recorded; the last one ends the training.
    """

    def __init__(
        self,
        models: Models,
        batches: Iterable[Batch],
        start: Sequence[np.ndarray],
        training: Mapping[str, Any],
        recorded: Sequence[int],
    ):
        self._models, self._training, self._recorded = models, training, list(recorded)
        self._start = list(start)
        self._batches = [batch for batch, _ in zip(batches, range(self._recorded[-1]), strict=False)]
        self._results: dict[str, Trained] = {}
        self._trajectories: dict[str, Trained] = {}
        self._traced: dict[str, _Compiled] = {}

    def result(self, stance: Stance) -> Trained:
        """The end of the training. Stances that differ in numbers only share a trace, at the cost of last bits."""
        key = result_key(stance)
        if key not in self._results:
            moves = stance["random-draws"] or stance["batch-statistics"]
            compiled = self._compiled(stance) if moves else self._shared(stance)
            self._results[key] = self._course(stance, compiled, self._recorded[-1:])
        return self._results[key]

    def trajectory(self, stance: Stance) -> Trained:
        """The training with all that is recorded of it, in the very arithmetic of the stance."""
        key = result_key(stance)
        if key not in self._trajectories:
            self._trajectories[key] = self._course(stance, self._compiled(stance), self._recorded)
            last = self._trajectories[key]
            self._results[key] = Trained(last.losses, last.trajectory[-1:])
        return self._trajectories[key]

    def drawn(self, stance: Stance, draws: int) -> list[Trained]:
        """The ends of as many trainings, each with other random numbers than the one before."""
        compiled = self._compiled(stance)
        return [self._course(stance, compiled, self._recorded[-1:]) for _ in range(draws)]

    def _shared(self, stance: Stance) -> _Compiled:
        key = canonical_json({code: value for code, value in plainest(stance).items() if code not in _NUMBERS})
        if key not in self._traced:
            self._traced[key] = self._compiled(stance, numbers=_numbers(stance["dtype"]))
        return self._traced[key]

    def _compiled(self, stance: Stance, *, numbers: Mapping[str, Any] | None = None) -> _Compiled:
        import tensorflow as tf

        from harness.reference import training_step

        dtype = stance["dtype"]
        # Masks depend on what was drawn and built before, so a model that draws is built as a subject builds it.
        model = self._models.build(dtype=dtype) if stance["random-draws"] else self._models.get(dtype=dtype)
        section = {**self._training["optimizer"], "rate": stance["learning-rate"]["rate"]}
        first = stance["optimizer-form"] == TENSORFLOW_1_OPTIMIZER
        optimizer = FirstVersion(section, dtype) if first else keras_optimizer(section, scale=1.0)
        optimizer.build(model.trainable_variables)
        objective = _objective(stance, model, self._models.output, numbers)
        step = training_step(objective, optimizer, model.trainable_variables)
        if stance["random-draws"]:
            tf.keras.utils.set_random_seed(0)
        initial = [variable.numpy() for variable in optimizer.variables]
        return _Compiled(step, model, optimizer, initial, numbers or {})

    def _course(self, stance: Stance, compiled: _Compiled, recorded: Sequence[int]) -> Trained:
        import tensorflow as tf

        smoothing, dtype = stance["label-smoothing"]["losses"], stance["dtype"]
        compiled.begin(stance, [array.astype(dtype) if array.dtype.kind == "f" else array for array in self._start])
        losses, rows = [], [compiled.weights()] if 0 in recorded else []
        for done, batch in enumerate(self._batches, 1):
            x = tf.constant(next(iter(batch.inputs.values())).astype(dtype))
            labels = labels_for_loss(batch, smoothing=smoothing)
            labels = tf.constant(labels.astype(dtype) if labels.ndim == 2 else labels)
            weights = None if batch.sample_weights is None else tf.constant(batch.sample_weights.astype(dtype))
            losses.append(compiled.step(x, labels, weights).total)
            if done in recorded:
                rows.append(compiled.weights())
        return Trained(np.array([loss.numpy() for loss in losses], np.float64), np.stack(rows))


_NUMBERS = ("epsilon", "loss-weighting", "learning-rate")
"""Settings that are numbers, which a trace can take as variables."""


@dataclass(frozen=True)
class _Compiled:
    """A step that was compiled for a stance, or for all that differ from it in ``numbers`` and the rate only.

    Attributes:
        step: see ``harness.reference.training_step``.
        model, optimizer: what it changes.
        initial: of the optimizer's variables.
        numbers: variables by name: ``epsilon``, and the weights of the losses ``clean`` and ``adversarial``; or empty.
    """

    step: Callable[..., Any]
    model: Any
    optimizer: Any
    initial: Sequence[np.ndarray]
    numbers: Mapping[str, Any]

    def begin(self, stance: Stance, weights: Sequence[np.ndarray]) -> None:
        """Back to the start of a training. What is drawn goes on."""
        self.model.set_weights(list(weights))
        for variable, value in zip(self.optimizer.variables, self.initial, strict=True):
            variable.assign(value)
        if self.numbers:
            self.optimizer.learning_rate.assign(stance["learning-rate"]["rate"])
            for name, value in {"epsilon": stance["epsilon"], **weights_of(stance)}.items():
                self.numbers[name].assign(value)

    def weights(self) -> np.ndarray:
        """All of the model's, flat."""
        return np.concatenate([np.asarray(array).ravel() for array in self.model.get_weights()])


def weights_of(stance: Stance) -> dict[str, float]:
    """What the two losses are multiplied with: the very numbers of a library where ratio and factor are its own."""
    weighting, factor = stance["loss-weighting"], stance["learning-rate"]["factor"]
    total = weighting["clean"] + weighting["adversarial"]
    return {name: value if total == factor else value * (factor / total) for name, value in weighting.items()}


def _numbers(dtype: str) -> dict[str, Any]:
    import tensorflow as tf

    return {name: tf.Variable(tf.zeros([], dtype), trainable=False) for name in ("epsilon", "clean", "adversarial")}


def _objective(stance: Stance, model: Any, output: str, numbers: Mapping[str, Any] | None) -> Any:
    """A ``TrainingObjective`` of the stance, or one that takes its ``_NUMBERS`` from variables."""
    from harness.reference import TrainingAttack, TrainingObjective

    modes, minimised, weights = stance["training-mode"], _minimised(output, stance), weights_of(stance)
    ascended = _Ascended(output, stance) if numbers or needs_two_passes(stance) else None
    epsilon: Any = numbers["epsilon"] if numbers else stance["epsilon"]
    weighted = _Weighted(minimised, numbers) if numbers else None
    low, high = stance["clip"] or (None, None)
    objective = TrainingObjective(
        model=model,
        loss_fn=weighted or minimised,
        attack=TrainingAttack(
            epsilon=epsilon,
            norm=stance["norm"],
            conventions=conventions_of(stance),
            clip=(low, high),
            loss_fn=ascended,
            training=modes["attack"] == "training",
        ),
        clean=1.0 if numbers else weights["clean"],
        adversarial=1.0 if numbers else weights["adversarial"],
        training=modes["losses"] == "training",
        regularization=stance["regularization"] == "added",
        statistics="kept" if stance["batch-statistics"] == "kept" else "updated",
    )
    objective = predicting_first(objective, stance)
    return objective if ascended is None else _Told(objective, ascended, weighted)


def _minimised(output: str, stance: Stance) -> Callable[..., Any]:
    """The loss of labels, predictions and sample weights (or None)."""
    import tensorflow as tf

    reduction, smoothing = stance["loss-reduction"]["losses"], stance["label-smoothing"]["losses"]
    if not smoothing or stance["label-smoothing"].get("form") != SUBTRACTED:
        return cross_entropy(output=output, reduction=reduction, smoothing=smoothing)

    def loss(labels: Any, returned: Any, sample_weights: Any) -> Any:
        smoothed = labels - smoothing * (labels - 1.0 / labels.shape[1])
        losses = losses_of(smoothed, returned, stance, output=output)
        losses = losses if sample_weights is None else losses * sample_weights
        return tf.reduce_sum(losses) if reduction == "sum" else tf.reduce_mean(losses)

    return loss


class _Ascended:
    """What the attack ascends where that is not the very loss that is minimised: of labels and predictions."""

    def __init__(self, output: str, stance: Stance):
        self._output, self._stance = output, stance
        self.sample_weights: Any = None

    def __call__(self, labels: Any, returned: Any) -> Any:
        import tensorflow as tf

        stance, smoothing = self._stance, self._stance["label-smoothing"]["attack"]
        chosen = self._chosen(labels, tf.stop_gradient(returned))
        losses = losses_of(
            chosen * (1.0 - smoothing) + smoothing / returned.shape[1], returned, stance, output=self._output
        )
        if stance["sample-weights"]["attack"] and self.sample_weights is not None:
            losses = losses * self.sample_weights
        total = tf.reduce_mean(losses) if stance["loss-reduction"]["attack"] == "mean" else tf.reduce_sum(losses)
        return total if stance["target"] is None else -total

    def _chosen(self, labels: Any, returned: Any) -> Any:
        """The labels of the attack, one column a class."""
        import tensorflow as tf

        stance, classes = self._stance, returned.shape[1]
        if stance["target"] is not None:
            return tf.one_hot(tf.fill(tf.shape(returned)[:1], stance["target"]), classes, dtype=returned.dtype)
        if stance["label-source"] == "given":
            return labels if labels.shape.rank == 2 else tf.one_hot(labels, classes, dtype=returned.dtype)
        if stance["prediction-ties"] == "first":
            return tf.one_hot(tf.argmax(returned, axis=1), classes, dtype=returned.dtype)
        return shared_by_ties(tied_classes(returned, output=self._output))


class _Weighted:
    """A loss that is multiplied with a variable: the first time that it is called of one step the clean one's."""

    def __init__(self, loss: Callable[..., Any], numbers: Mapping[str, Any]):
        self._loss, self._numbers = loss, numbers
        self.of = "clean"

    def __call__(self, labels: Any, returned: Any, sample_weights: Any) -> Any:
        weight, self.of = self._numbers[self.of], "adversarial"
        return self._loss(labels, returned, sample_weights) * weight


@dataclass(frozen=True)
class _Told:
    """An objective whose losses are told where in a step they are."""

    objective: Any
    ascended: _Ascended
    weighted: _Weighted | None

    def gradients(self, x: Any, labels: Any, sample_weights: Any, variables: Sequence[Any]) -> Any:
        """See ``TrainingObjective.gradients``."""
        self.ascended.sample_weights = sample_weights
        if self.weighted is not None:
            self.weighted.of = "clean"
        return self.objective.gradients(x, labels, sample_weights, variables)
