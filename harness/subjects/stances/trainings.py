"""A training of any stance, on the reimplementation. Runs in a worker; TensorFlow is imported when called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.keras2 import KerasState, cross_entropy, labels_for_loss
from harness.subjects.keras2 import optimizer as keras_optimizer
from harness.subjects.protocol import Batch, Models
from harness.subjects.stances.attacks import conventions_of, losses_of, shared_by_ties, tied_classes
from harness.subjects.stances.optimizers import first_version
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

    def result(self, stance: Stance) -> Trained:
        """The end of the training."""
        key = result_key(stance)
        if key not in self._results:
            self._results[key] = self._trained(stance, self._recorded[-1:], draws=1)[0]
        return self._results[key]

    def trajectory(self, stance: Stance) -> Trained:
        """The training with all that is recorded of it."""
        key = result_key(stance)
        if key not in self._results or len(self._results[key].trajectory) < len(self._recorded):
            self._results[key] = self._trained(stance, self._recorded, draws=1)[0]
        return self._results[key]

    def drawn(self, stance: Stance, draws: int) -> list[Trained]:
        """The ends of as many trainings, each with other random numbers than the one before."""
        return self._trained(stance, self._recorded[-1:], draws=draws)

    def _trained(self, stance: Stance, recorded: Sequence[int], *, draws: int) -> list[Trained]:
        from harness.reference import training_step

        dtype = stance["dtype"]
        # Masks depend on what was drawn and built before, so a model that draws is built as a subject builds it.
        model = self._models.build(dtype=dtype) if stance["random-draws"] else self._models.get(dtype=dtype)
        optimizer = self._optimizer(stance)
        state = KerasState(model, optimizer)
        step = training_step(self._objective(stance, model), optimizer, model.trainable_variables)
        start = [array.astype(dtype) if array.dtype.kind == "f" else array for array in self._start]
        state.begin(start)
        initial, trained = [variable.numpy() for variable in optimizer.variables], []
        for _ in range(draws):
            # From the second on without a new seed: what is drawn goes on.
            model.set_weights(start)
            for variable, value in zip(optimizer.variables, initial, strict=True):
                variable.assign(value)
            trained.append(self._course(stance, step, state, recorded))
        return trained

    def _course(self, stance: Stance, step: Callable[..., Any], state: KerasState, recorded: Sequence[int]) -> Trained:
        import tensorflow as tf

        smoothing, dtype = stance["label-smoothing"]["losses"], stance["dtype"]
        losses, rows = [], [_flat(state.weights())] if 0 in recorded else []
        for done, batch in enumerate(self._batches, 1):
            x = tf.constant(next(iter(batch.inputs.values())).astype(dtype))
            labels = labels_for_loss(batch, smoothing=smoothing)
            labels = tf.constant(labels.astype(dtype) if labels.ndim == 2 else labels)
            weights = None if batch.sample_weights is None else tf.constant(batch.sample_weights.astype(dtype))
            losses.append(step(x, labels, weights).total.numpy())
            if done in recorded:
                rows.append(_flat(state.weights()))
        return Trained(np.asarray(losses, np.float64), np.stack(rows))

    def _optimizer(self, stance: Stance) -> Any:
        section = {**self._training["optimizer"], "rate": stance["learning-rate"]["rate"]}
        if stance["optimizer-form"] == TENSORFLOW_1_OPTIMIZER:
            return first_version(section, dtype=stance["dtype"])
        return keras_optimizer(section, scale=1.0)

    def _objective(self, stance: Stance, model: Any) -> Any:
        from harness.reference import TrainingAttack, TrainingObjective

        low, high = stance["clip"] or (None, None)
        modes, weighting = stance["training-mode"], stance["loss-weighting"]
        total, factor = weighting["clean"] + weighting["adversarial"], stance["learning-rate"]["factor"]
        # The very weights of a library where ratio and factor are its own; else the ratio of one, the other's factor.
        scale = 1.0 if total == factor else factor / total
        ascended = _Ascended(self._models.output, stance) if needs_two_passes(stance) else None
        objective = TrainingObjective(
            model=model,
            loss_fn=_minimised(self._models.output, stance),
            attack=TrainingAttack(
                epsilon=stance["epsilon"],
                norm=stance["norm"],
                conventions=conventions_of(stance),
                clip=(low, high),
                loss_fn=ascended,
                training=modes["attack"] == "training",
            ),
            clean=weighting["clean"] * scale,
            adversarial=weighting["adversarial"] * scale,
            training=modes["losses"] == "training",
            regularization=stance["regularization"] == "added",
            statistics="kept" if stance["batch-statistics"] == "kept" else "updated",
        )
        objective = predicting_first(objective, stance)
        return objective if ascended is None else _Weighted(objective, ascended)


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


@dataclass(frozen=True)
class _Weighted:
    """An objective whose attack is told the weights of the examples."""

    objective: Any
    ascended: _Ascended

    def gradients(self, x: Any, labels: Any, sample_weights: Any, variables: Sequence[Any]) -> Any:
        """See ``TrainingObjective.gradients``."""
        self.ascended.sample_weights = sample_weights
        return self.objective.gradients(x, labels, sample_weights, variables)


def _flat(weights: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(array).ravel() for array in weights])
