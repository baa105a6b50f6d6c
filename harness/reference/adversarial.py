"""Adversarial regularization with NSL's interface and conventions: the loss on adversarially perturbed features."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from harness.reference.compiled import objective_for
from harness.reference.config import AdvRegConfig
from harness.reference.descent import perturbed
from harness.reference.features import Features
from harness.reference.objective import Objective, dense


def adversarial_loss(
    features: Any,
    labels: Any,
    model: Callable[..., Any],
    loss_fn: Callable[..., Any],
    sample_weights: Any = None,
    adv_config: Any = None,
    predictions: Any = None,
    labeled_loss: Any = None,
    gradient_tape: tf.GradientTape | None = None,
    model_kwargs: Mapping[str, Any] | None = None,
) -> tf.Tensor:
    """The loss on adversarially perturbed features, ``loss_fn(labels, model(perturbed features), sample_weights)``.

    The perturbation follows the gradient of the loss on the features as they are; nothing differentiates through it.
    The ``multiplier`` of the configuration is left to the caller.

    Semantics of ``nsl.keras.adversarial_loss`` 1.4.0, in eager mode and in ``tf.function``. In eager mode a Keras model
    of library layers with a Keras loss runs compiled: the perturbation keeps the bits of a plain call, the loss may
    differ from it by round-off; ``tf.config.run_functions_eagerly(True)`` gives the bits of a plain call throughout.

    Where NSL's documentation promises what its code does not do, this keeps the promise:
    one-dimensional sample weights (NSL multiplies them by a ``(batch, 1)`` tensor, and its losses then raise); nested
    collections (raise), tuples (reach the model as lists), lists with an integer or string feature (raise); masks and
    bounds whose structure does not fit the features (ignored; here a ``ValueError``) and masks as lists, integers or
    doubles (ignored or raise); masked features with ``random_init`` (perturbed); ``predictions`` without a tape in a
    graph (not perturbed at all); ``random_init`` in a graph with an unknown batch size (raises).

    Args:
        features: a tensor ``(batch, ...)``, or lists, tuples and dicts of tensors. Only dense floating tensors are
            perturbed; integers, strings, sparse and ragged tensors are left alone, and so is a feature that the loss
            does not depend on.
        labels: whatever ``loss_fn`` takes.
        model: a callable of ``features``; a Keras 2 or Keras 3 model or any other.
        loss_fn: a callable of labels, predictions and sample weights, by position. A loss of one value an example is
            summed for the gradient.
        sample_weights: floating ``(batch,)`` or ``(batch, 1)``, or None.
        adv_config: an ``AdvRegConfig`` of this package or of NSL. None: the defaults.
        predictions: ``model(features)``, if it has been computed. The model is then called once less.
        labeled_loss: ``loss_fn(labels, model(features), sample_weights)``, if it has been computed. Model and loss are
            then called once less.
        gradient_tape: a tape that watched the features while ``predictions`` or ``labeled_loss`` were computed. It is
            used up unless it is persistent. Without either of the two it is not needed.
        model_kwargs: further keyword arguments for every call of the model.

    Returns:
        A tensor of the shape that ``loss_fn`` returns. Differentiable with respect to the model's weights, and to the
        features as if the perturbation were constant.

    Raises:
        ValueError: ``predictions`` or ``labeled_loss`` in eager mode without a tape, or with one that did not watch the
            features; a mask or bound that does not fit the features; a norm that is none.
        tf.errors.InvalidArgumentError: a mask value outside of [0, 1].
        NotImplementedError: ``pgd_epsilon`` under l1.
    """
    config = (AdvRegConfig() if adv_config is None else adv_config).adv_neighbor_config
    parts = Features.of(features)
    objective = objective_for(model, model_kwargs or {}, loss_fn, labels, sample_weights)
    gradients = None
    if (predictions is not None or labeled_loss is not None) and not config.random_init:
        gradients = _precomputed(parts, objective, predictions, labeled_loss, gradient_tape)
    return objective.value(perturbed(parts, objective, config, first_gradients=gradients))


def perturb(
    features: Any,
    labels: Any,
    model: Callable[..., Any],
    loss_fn: Callable[..., Any],
    sample_weights: Any = None,
    adv_config: Any = None,
    model_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """The adversarial examples on which ``adversarial_loss`` computes its loss, in the structure of ``features``.

    Never compiled, so that they are bit for bit those of ``nsl.keras.AdversarialRegularization.perturb_on_batch``
    1.4.0, given ``model_kwargs={"training": False}`` and, for a loss that NSL reduces itself,
    ``mean_over_batch(loss_fn)``. There NSL drops the sample weights and ``training=False`` after the first step of a
    descent; here every step has both.

    Args:
        features, labels, model, loss_fn, sample_weights, adv_config, model_kwargs: see ``adversarial_loss``.

    Returns:
        The collection ``features`` with other values for what can be perturbed, of the same shapes and dtypes.

    Raises:
        ValueError, tf.errors.InvalidArgumentError, NotImplementedError: see ``adversarial_loss``.
    """
    config = (AdvRegConfig() if adv_config is None else adv_config).adv_neighbor_config
    parts = Features.of(features)

    def called(inputs: Any) -> Any:
        return model(inputs, **(model_kwargs or {}))

    objective = Objective(model=called, loss_fn=loss_fn, labels=labels, sample_weights=sample_weights)
    return perturbed(parts, objective, config, first_gradients=None).packed


def _precomputed(
    features: Features, objective: Objective, predictions: Any, labeled_loss: Any, tape: tf.GradientTape | None
) -> list[tf.Tensor | None]:
    """The gradients out of a forward pass that the caller has made."""
    name = "predictions" if labeled_loss is None else "labeled_loss"
    if tape is None and tf.executing_eagerly():
        raise ValueError(
            f"{name} given without gradient_tape. In eager mode there is no way back from {name} to the features: "
            "compute them under a tf.GradientTape that watches the features and pass that, or leave both out."
        )
    if labeled_loss is None:
        with _recording(tape):
            labeled_loss = objective.loss_fn(objective.labels, predictions, objective.sample_weights)
    given = features.given
    gradients = dense(tf.gradients(labeled_loss, given) if tape is None else tape.gradient(labeled_loss, given))
    if given and all(g is None for g in gradients):
        raise ValueError(
            f"gradient_tape does not lead from {name} to any of the features. Call its watch() with these very "
            f"tensors, then compute {name} within it."
        )
    return gradients


@contextlib.contextmanager
def _recording(tape: tf.GradientTape | None) -> Iterator[None]:
    """Continues a tape; one that is still recording does so anyway, and refuses to be told twice."""
    with contextlib.ExitStack() as stack:
        if tape is not None:
            with contextlib.suppress(ValueError):
                stack.enter_context(tape)
        yield
