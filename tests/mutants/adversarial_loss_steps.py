"""Adversarial regularisation in the signature of ``nsl.keras.adversarial_loss``, with every step of it a switch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tests.mutants.kinds import marked

Tensor = Any
Tensors = Sequence[Tensor]

FLOOR = 1e-6
"""The least length of a gradient that is divided by."""


@dataclass(frozen=True)
class Call:
    """What one call was given.

    Attributes:
        features: the inputs, a tensor or a mapping of them.
        labels, loss_fn, config: as given; ``config`` is an ``AdvNeighborConfig``.
        multiplier: of the configuration.
        model: as given.
        model_kwargs: for the model.
        weights: of the examples, or None.
        clean_loss: of the features, computed under ``tape``.
        tape: watches the features.
    """

    features: Any
    labels: Any
    loss_fn: Callable[..., Tensor]
    config: Any
    multiplier: float
    model: Any
    model_kwargs: Mapping[str, Any]
    weights: Any
    clean_loss: Tensor
    tape: Any

    @property
    def leaves(self) -> list[Tensor]:
        """The inputs, side by side."""
        return tf.nest.flatten(self.features)

    def packed(self, leaves: Tensors) -> Any:
        """Inputs as the model takes them."""
        return tf.nest.pack_sequence_as(self.features, list(leaves))

    def output(self, features: Any) -> Tensor:
        """Of the model."""
        return self.model(features, **self.model_kwargs)

    def settings(self, setting: Any) -> list[Any]:
        """A setting that is given for each input, for each of them."""
        names = sorted(self.features) if isinstance(self.features, Mapping) else [""]
        return [setting.get(name) if isinstance(setting, Mapping) else setting for name in names]


def by_tape(call: Call) -> Tensors:
    """The gradient of the clean loss that was computed already."""
    return call.tape.gradient(call.clean_loss, call.leaves)


def anew(call: Call, loss_of: Callable[[Tensor], Tensor], output: Callable[[Any], Tensor] | None = None) -> Tensors:
    """The gradient of another loss, from a forward pass of its own. ``loss_of(output)``."""
    with tf.GradientTape() as tape:
        tape.watch(call.leaves)
        loss = loss_of((output or call.output)(call.features))
    return tape.gradient(loss, call.leaves)


def over(tensor: Tensor) -> list[int]:
    """All axes but that of the batch."""
    return list(range(1, len(tensor.shape)))


def like(values: Tensor, tensor: Tensor) -> Tensor:
    """One value an example, in a shape that broadcasts to the tensor."""
    return tf.reshape(values, [-1, *[1] * len(over(tensor))])


def together(reduce: Callable[..., Tensor], tensors: Tensors) -> Tensor:
    """One value an example, over all inputs."""
    return reduce(tf.stack([reduce(one, over(one)) for one in tensors], 1), 1)


def sums(tensors: Tensors) -> Tensor:
    """Of each example, over all inputs."""
    return together(tf.reduce_sum, tensors)


def signs(gradients: Tensors) -> Tensors:
    """The direction of linf."""
    return [tf.sign(one) for one in gradients]


def unit_vectors(gradients: Tensors) -> Tensors:
    """The direction of l2."""
    length = tf.sqrt(tf.maximum(FLOOR**2, sums([one**2 for one in gradients])))
    return [one / like(length, one) for one in gradients]


def shared_among_the_largest(gradients: Tensors) -> Tensors:
    """The direction of l1."""
    largest = together(tf.reduce_max, [tf.abs(one) for one in gradients])
    tied = [tf.cast(tf.abs(one) == like(largest, one), one.dtype) for one in gradients]
    return [tf.sign(one) * tie / like(sums(tied), one) for one, tie in zip(gradients, tied, strict=True)]


def bounded(adversarial: Tensor, x: Tensor, low: Any, high: Any) -> Tensor:
    """Into the clip range, of which either bound may be None. ``x`` is for those who clip something else."""
    adversarial = adversarial if low is None else tf.maximum(adversarial, low)
    return adversarial if high is None else tf.minimum(adversarial, high)


def masked(gradients: Tensors, masks: Sequence[Any]) -> Tensors:
    """What may not move has no gradient."""
    return [one if mask is None else one * mask for one, mask in zip(gradients, masks, strict=True)]


@dataclass(frozen=True)
class Steps:
    """The loss, one line a step.

    Attributes:
        gradient: of the loss that the attack ascends: ``gradient(call)``, one tensor for each input.
        finite: what becomes of elements that are not finite.
        mask: ``mask(gradients, masks)``.
        norm: from the configuration to the name of the norm.
        linf, l2, l1: from the gradients to the direction of the perturbation.
        epsilon: from the configuration to the length of the perturbation.
        moved: ``moved(x, perturbation)``.
        clip: ``clip(adversarial, x, low, high)``.
        rounds: how often the attack is applied: ``rounds(attack, call)``.
        output: of the model on the adversarial examples: ``output(call, adversarial)``.
        weights: of the examples, in the adversarial loss: ``weights(call)``.
        result: from the adversarial loss to what is returned: ``result(loss, call)``.
    """

    gradient: Callable[[Call], Tensors] = by_tape
    finite: Callable[[Tensor], Tensor] = lambda one: tf.where(tf.math.is_finite(one), one, tf.zeros_like(one))
    mask: Callable[[Tensors, Sequence[Any]], Tensors] = masked
    norm: Callable[[Any], str] = lambda config: getattr(config.adv_grad_norm, "value", config.adv_grad_norm)
    linf: Callable[[Tensors], Tensors] = signs
    l2: Callable[[Tensors], Tensors] = unit_vectors
    l1: Callable[[Tensors], Tensors] = shared_among_the_largest
    epsilon: Callable[[Any], Any] = lambda config: config.adv_step_size
    moved: Callable[[Tensor, Tensor], Tensor] = lambda x, perturbation: x + tf.stop_gradient(perturbation)
    clip: Callable[[Tensor, Tensor, Any, Any], Tensor] = bounded
    rounds: Callable[[Callable[[Call], Any], Call], Any] = lambda attack, call: attack(call)
    output: Callable[[Call, Any], Tensor] = lambda call, adversarial: call.output(adversarial)
    weights: Callable[[Call], Any] = lambda call: call.weights
    result: Callable[[Tensor, Call], Tensor] = lambda loss, call: loss


def made_of(steps: Steps) -> Callable[..., Tensor]:
    """The loss that these steps make up."""

    def attack(call: Call) -> Any:
        gradients = steps.mask(
            [steps.finite(one) for one in steps.gradient(call)], call.settings(call.config.feature_mask)
        )
        directions = {"infinity": steps.linf, "l2": steps.l2, "l1": steps.l1}[steps.norm(call.config)](gradients)
        lows, highs = call.settings(call.config.clip_value_min), call.settings(call.config.clip_value_max)
        return call.packed(
            [
                steps.clip(steps.moved(x, steps.epsilon(call.config) * direction), x, low, high)
                for x, direction, low, high in zip(call.leaves, directions, lows, highs, strict=True)
            ]
        )

    def adversarial_loss(
        features: Any,
        labels: Any,
        model: Any,
        loss_fn: Any,
        sample_weights: Any = None,
        adv_config: Any = None,
        predictions: Any = None,
        labeled_loss: Any = None,
        gradient_tape: Any = None,
        model_kwargs: Any = None,
    ) -> Tensor:
        call = Call(
            features,
            labels,
            loss_fn,
            adv_config.adv_neighbor_config,
            adv_config.multiplier,
            model,
            model_kwargs or {},
            sample_weights,
            labeled_loss,
            gradient_tape,
        )
        adversarial = steps.rounds(attack, call)
        return steps.result(loss_fn(labels, steps.output(call, adversarial), steps.weights(call)), call)

    return adversarial_loss


def defect(what: str, steps: Steps) -> Callable[..., Tensor]:
    """The loss with one step put wrong."""
    return marked(made_of(steps), what, correct=False)


def rewriting(what: str, steps: Steps) -> Callable[..., Tensor]:
    """The loss with one step written otherwise."""
    return marked(made_of(steps), what, correct=True)
