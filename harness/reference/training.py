"""The objective of adversarial training: a clean and an adversarial loss, weighed and differentiated.

``c * L(x) + a * L(x')``, where ``x'`` is the adversarial example of ``x`` (Goodfellow et al. 2015, arXiv:1412.6572,
section 6, has ``c = alpha`` and ``a = 1 - alpha``). NSL computes it with ``c = 1`` and ``a = multiplier``
(``AdversarialRegularization.call``), CleverHans 3.1.0 with ``c = 1 - adv_coeff`` and ``a = adv_coeff``
(``cleverhans.loss.CrossEntropy.fprop``). What else they do differently is an option here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import tensorflow as tf

from harness.reference import geometry
from harness.reference.conventions import Conventions


class TrainingLosses(NamedTuple):
    """Scalar tensors: the loss on clean and on adversarial examples, and what is minimised."""

    clean: tf.Tensor
    adversarial: tf.Tensor
    total: tf.Tensor


@dataclass(frozen=True)
class TrainingAttack:
    """How the adversarial examples of a training step are found: one step of the fast gradient method.

    Attributes:
        epsilon: length of the perturbation, in units of x.
        norm: ``linf``, ``l2`` or ``l1``.
        clip: lower and upper bound of x', in units of x; either may be None.
        labels: whose loss the attack ascends. ``given``: the labels of the batch (NSL; CleverHans with ``pass_y``).
            ``predicted``: the classes that the model predicts (CleverHans without), the first where several tie.
        loss_fn: a callable of labels and predictions that is summed over the batch. None: the training loss itself, as
            in NSL, so that its reduction, sample weights and label smoothing reach the attack. CleverHans ascends the
            plain cross-entropy.
        training: the mode in which the model computes the gradient. NSL: that of the training step, since it uses the
            very forward pass that gives the clean loss. CleverHans 3.1.0: inference.
        conventions: the arithmetic. ``gradient_flow`` decides whether the weights' gradient sees how the perturbation
            depends on them.
    """

    epsilon: float
    norm: Literal["linf", "l2", "l1"]
    conventions: Conventions
    clip: tuple[float | None, float | None] = (None, None)
    labels: Literal["given", "predicted"] = "given"
    loss_fn: Callable[..., tf.Tensor] | None = None
    training: bool = True

    def move(self, x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        """The adversarial examples of ``x``, whose loss has this gradient."""
        directions = geometry.steepest_direction([gradient], norm=self.norm, conventions=self.conventions)
        (offset,) = geometry.offset(directions, [x], [x], step_size=self.epsilon, conventions=self.conventions)
        return geometry.clip(x + offset, *self.clip, conventions=self.conventions)

    @property
    def is_constant(self) -> bool:
        """Whether nothing differentiates through the perturbation: under linf and l1 it is piecewise constant."""
        return self.norm != "l2" or self.conventions.gradient_flow == "stopped"


@dataclass(frozen=True)
class TrainingObjective:
    """``clean * L(x) + adversarial * L(x')``, plus the model's own losses where asked for.

    Attributes:
        model: a Keras model, or a callable of the features and the keyword ``training``.
        loss_fn: a callable of labels, predictions and sample weights (or None), by position; returns a scalar.
        attack: how x' is found.
        clean, adversarial: the weights.
        training: the mode in which the model computes both losses.
        before: layers whose output is what the attack perturbs: a callable of the features. None: the features.
        regularization: whether the model's own losses are part of the total: NSL's wrapper adds them, nobody else does.
        statistics: what a pass in training mode does to moving statistics, those of batch normalisation above all.
            ``updated``: every pass moves them, two or three times a step (TensorFlow 2). ``kept``: none ever does
            (CleverHans 3.1.0, which runs ``UPDATE_OPS``, where Keras layers have none).
    """

    model: Callable[..., Any]
    loss_fn: Callable[..., tf.Tensor]
    attack: TrainingAttack
    clean: float
    adversarial: float
    training: bool = True
    before: Callable[..., Any] | None = None
    regularization: bool = False
    statistics: Literal["updated", "kept"] = "updated"

    def gradients(
        self, x: tf.Tensor, labels: Any, sample_weights: Any, variables: Sequence[Any]
    ) -> tuple[TrainingLosses, list[tf.Tensor]]:
        """The losses, and the gradient of the total with respect to each variable.

        Args:
            x: floating ``(batch, ...)``.
            labels: whatever ``loss_fn`` takes; an attack on given labels with a loss of its own gets them, too.
            sample_weights: floating ``(batch,)``, or None.
            variables: trainable ones of the model and of ``before``.

        Returns:
            The losses before any update, and tensors of the shapes of the variables; zeros where the total does not
            depend on one.
        """
        if self._one_pass_serves_both:
            return self._in_two_passes(x, labels, sample_weights, variables)
        with tf.GradientTape() as tape:
            features = x if self.before is None else self.before(x)
            if self.attack.is_constant and self.before is None:
                with tape.stop_recording():
                    attacked = self._attacked(features, labels, sample_weights)
            else:
                attacked = self._attacked(features, labels, sample_weights)
            clean = self.loss_fn(labels, self._called(features, training=self.training), sample_weights)
            adversarial = self.loss_fn(labels, self._called(attacked, training=self.training), sample_weights)
            total = _weighed(clean, self.clean) + _weighed(adversarial, self.adversarial)
            for own in self._own_losses():
                total += own
        return TrainingLosses(clean, adversarial, total), _gradients(tape, total, variables)

    @property
    def _one_pass_serves_both(self) -> bool:
        """Whether the forward and backward pass of the clean loss also gives the attack its gradient, as in NSL."""
        attack = self.attack
        same = attack.loss_fn is None and attack.labels == "given" and attack.training == self.training
        return same and attack.is_constant and self.before is None

    def _in_two_passes(
        self, x: tf.Tensor, labels: Any, sample_weights: Any, variables: Sequence[Any]
    ) -> tuple[TrainingLosses, list[tf.Tensor]]:
        """Two forward and two backward passes: the least that the work can cost."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            clean = self.loss_fn(labels, self._called(x, training=self.training), sample_weights)
        gradient, *of_clean = _gradients(tape, clean, [x, *variables])
        attacked = tf.stop_gradient(self.attack.move(x, gradient))
        with tf.GradientTape() as tape:
            adversarial = self.loss_fn(labels, self._called(attacked, training=self.training), sample_weights)
            # The weight goes in where the backward pass starts, as in NSL: the same roundings.
            rest = _weighed(adversarial, self.adversarial)
            for own in self._own_losses():
                rest += own
        of_rest = _gradients(tape, rest, variables)
        gradients = [_weighed(first, self.clean) + second for first, second in zip(of_clean, of_rest, strict=True)]
        return TrainingLosses(clean, adversarial, _weighed(clean, self.clean) + rest), gradients

    def _attacked(self, features: tf.Tensor, labels: Any, sample_weights: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(features)
            predictions = self._called(features, training=self.attack.training)
            if self.attack.labels == "predicted":
                labels = _like(labels, tf.stop_gradient(predictions))
            if self.attack.loss_fn is None:
                loss = self.loss_fn(labels, predictions, sample_weights)
            else:
                loss = self.attack.loss_fn(labels, predictions)
        return self.attack.move(features, *_gradients(tape, loss, [features]))

    def _called(self, features: Any, *, training: bool) -> tf.Tensor:
        if not training or self.statistics == "updated":
            return self.model(features, training=training)
        moving = [*getattr(self.model, "non_trainable_variables", [])]
        kept = [tf.identity(variable) for variable in moving]
        predictions = self.model(features, training=training)
        for variable, value in zip(moving, kept, strict=True):
            variable.assign(value)
        return predictions

    def _own_losses(self) -> list[tf.Tensor]:
        return list(getattr(self.model, "losses", [])) if self.regularization else []


def training_step(objective: TrainingObjective, optimizer: Any, variables: Sequence[Any]) -> Callable[..., Any]:
    """One step of the optimizer on the objective, compiled.

    Args:
        objective: to minimise.
        optimizer: a Keras optimizer, built for the variables.
        variables: to update.

    Returns:
        A function of ``x``, ``labels`` and ``sample_weights`` (or None) that updates the variables and returns the
        ``TrainingLosses`` before the update. It is traced once for full batches and once for a smaller last one.
    """

    def update(x: tf.Tensor, labels: Any, sample_weights: Any) -> TrainingLosses:
        losses, gradients = objective.gradients(x, labels, sample_weights, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return losses

    # An argument that is None would cost a small model a tenth of its step.
    weighted = tf.function(lambda x, labels, sample_weights: update(x, labels, sample_weights), autograph=False)
    unweighted = tf.function(lambda x, labels: update(x, labels, None), autograph=False)

    def step(x: tf.Tensor, labels: Any, sample_weights: Any = None) -> TrainingLosses:
        return unweighted(x, labels) if sample_weights is None else weighted(x, labels, sample_weights)

    return step


def _gradients(tape: tf.GradientTape, target: tf.Tensor, sources: Sequence[Any]) -> list[tf.Tensor]:
    """Zeros where the target does not depend on the source."""
    found = tape.gradient(target, list(sources), unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [tf.convert_to_tensor(gradient) for gradient in found]


def _weighed(value: tf.Tensor, weight: float) -> tf.Tensor:
    return value if weight == 1.0 else value * tf.constant(weight, value.dtype)


def _like(labels: Any, predictions: tf.Tensor) -> tf.Tensor:
    """The predicted classes in the form of the labels: class indices, or one column a class."""
    classes = tf.argmax(predictions, axis=1, output_type=tf.int32)
    if len(labels.shape) == 1:
        return tf.cast(classes, labels.dtype)
    return tf.one_hot(classes, predictions.shape[1], dtype=labels.dtype)
