"""CleverHans 4.0.0: ``cleverhans.tf2.attacks.fast_gradient_method``.

It has no loss for adversarial training. Kinds loss and training compose one as its tutorial for TensorFlow 2 does
(``tutorials/tf2/mnist_tutorial.py``): the attack is called outside of the tape, and the step is an ordinary one on what
it returned. The tutorial trains on the adversarial examples only; a stated weighting adds the clean loss.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.subjects.cleverhans_call import fgm_arguments, perturb_with, settings_used
from harness.subjects.environments import TENSORFLOW_2, installed_version
from harness.subjects.keras2 import KerasState, cross_entropy, labels_for_loss, named_gradients, statistics_of
from harness.subjects.keras2 import optimizer as keras_optimizer
from harness.subjects.protocol import Batch, Losses, LossEvidence, Models, Perturbation
from harness.subjects.translate import (
    Objective,
    norm_of_order,
    refuse_feature_mask,
    refuse_gradient_flow,
    single_input,
    timed,
    training_defaulted,
    training_loss_reduction,
    training_settings,
)
from harness.vocabulary import Unsupported

LIBRARY = "cleverhans"
API = "cleverhans.tf2.attacks.fast_gradient_method.fast_gradient_method"
ENVIRONMENT = TENSORFLOW_2

_traced_for: weakref.ref | None = None


def version() -> str:
    """See ``Subject.version``."""
    return installed_version(LIBRARY, mend="python -m pip install --no-deps cleverhans==4.0.0 easydict")


def perturb(models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
    """See ``Subject.perturb``."""
    return perturb_with(_attack_for(models.get()), _NAME, models, batch, attack)


def loss_evidence(models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> LossEvidence:
    """See ``Subject.loss_evidence``. Composed."""
    import tensorflow as tf

    model, before = models.get(), models.build_before()
    composed = _Composed(model, before, models.output, batch, attack, training)
    x, variables = single_input(batch, _NAME), composed.variables

    def step() -> tuple[Any, list[Any]]:
        features = x if before is None else before(x, training=composed.training_mode)
        attacked = composed.attack(features, batch)
        with tf.GradientTape() as tape:
            losses = composed.losses(tf.constant(x), attacked, *composed.targets(batch))
        return losses, tape.gradient(losses.total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    call = timed(step)
    losses, gradients = call.value
    return LossEvidence(
        losses=Losses(*(np.asarray(value) for value in (losses.clean, losses.adversarial, losses.total))),
        gradients=named_gradients(before, model, gradients),
        settings=composed.settings(),
        defaulted=composed.defaulted(),
        seconds=call.seconds,
    )


def trainer(models: Models, example: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]) -> _Trainer:
    """See ``Subject.trainer``. Composed."""
    import tensorflow as tf

    model = models.build()
    composed = _Composed(model, None, models.output, example, attack, training)
    optimizer = keras_optimizer(training["optimizer"], scale=composed.objective.scale)
    state = KerasState(model, optimizer)

    @tf.function(autograph=False)
    def update(x: Any, attacked: Any, labels: Any, weights: Any) -> tuple[Any, Any, Any]:
        with tf.GradientTape() as tape:
            losses = composed.losses(x, attacked, labels, weights)
        gradients = tape.gradient(losses.total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return losses.clean, losses.adversarial, losses.total

    return _Trainer(composed, update, state, composed.settings(), composed.defaulted())


@dataclass(frozen=True)
class _Trainer:
    """See ``Trainer``."""

    composed: _Composed
    update: Callable[..., Any]
    state: KerasState
    settings: Mapping[str, Any]
    defaulted: tuple[str, ...]

    def begin(self, weights: Sequence[np.ndarray]) -> None:
        """See ``Trainer.begin``."""
        self.state.begin(weights)

    def step(self, batch: Batch) -> Losses:
        """See ``Trainer.step``."""
        import tensorflow as tf

        x = tf.constant(single_input(batch, _NAME))
        losses = self.update(x, self.composed.attack(x, batch), *self.composed.targets(batch))
        return Losses(*(value.numpy() for value in losses))

    def weights(self) -> list[np.ndarray]:
        """See ``Trainer.weights``."""
        return self.state.weights()


class _Composed:
    """The tutorial's composition for one model: an attack outside of the tape, then a loss on what it returned."""

    def __init__(
        self,
        model: Any,
        before: Any,
        output: str,
        batch: Batch,
        attack: Mapping[str, Any],
        training: Mapping[str, Any],
    ):
        single_input(batch, _NAME)
        refuse_feature_mask(attack, _NAME)
        if batch.dtype != "float32":
            raise Unsupported(f"{_NAME} casts its input to float32; this case is {batch.dtype}")
        self._model, self._before, self._output, self._training = model, before, output, training
        # The reduction is that of the training loss; the attack has a loss of its own.
        self._attack = {name: value for name, value in attack.items() if name != "loss_reduction"}
        self._reduction = training_loss_reduction(attack)
        self._used = fgm_arguments(self._attack, batch, _NAME, output=output)
        norm = norm_of_order(self._used["norm"])
        refuse_gradient_flow(training, "stopped", norm=norm, library=f"{_NAME}'s tutorial")
        self.training_mode = training.get("mode", "inference") == "training"
        self._attack_training = training.get("attack_mode", "inference") == "training"
        self._loss_fn = cross_entropy(
            output=output, reduction=self._reduction, smoothing=training.get("smoothing", 0.0)
        )
        weighting = training.get("weighting")
        self.objective = Objective(weighting["clean"], weighting["adversarial"]) if weighting else Objective(0.0, 1.0)
        self._fgm = _attack_for(model)
        self._model_fn = functools.partial(model, training=True) if self._attack_training else model

    @property
    def variables(self) -> list[Any]:
        """All trainable ones."""
        first = self._before.trainable_variables if self._before is not None else []
        return [*first, *self._model.trainable_variables]

    def attack(self, features: Any, batch: Batch) -> Any:
        """The adversarial examples, as the library returns them."""
        return self._fgm(self._model_fn, features, **fgm_arguments(self._attack, batch, _NAME, output=self._output))

    def targets(self, batch: Batch) -> tuple[Any, Any]:
        """Labels in the form that the loss takes, and sample weights or None."""
        import tensorflow as tf

        labels = tf.constant(labels_for_loss(batch, smoothing=self._training.get("smoothing", 0.0)))
        return labels, None if batch.sample_weights is None else tf.constant(batch.sample_weights)

    def losses(self, x: Any, attacked: Any, labels: Any, weights: Any) -> Losses:
        """The losses of a batch. Without a weight for it, the clean loss is not computed."""
        import tensorflow as tf

        adversarial = self._loss_fn(labels, self._model(attacked, training=self.training_mode), weights)
        if not self.objective.clean:
            return Losses(tf.constant(np.nan, adversarial.dtype), adversarial, self.objective.adversarial * adversarial)
        features = x if self._before is None else self._before(x, training=self.training_mode)
        clean = self._loss_fn(labels, self._model(features, training=self.training_mode), weights)
        return Losses(clean, adversarial, self.objective.clean * clean + self.objective.adversarial * adversarial)

    def settings(self) -> dict[str, Any]:
        """See ``Trainer.settings``."""
        attack_settings = settings_used(self._fgm, self._used, self._attack, output=self._output)
        return (
            attack_settings
            | {"loss_reduction": self._reduction, "composed": "as the library's tutorial does"}
            | training_settings(
                self._training,
                self.objective,
                gradient_flow="stopped",
                mode="training" if self.training_mode else "inference",
                attack_mode="training" if self._attack_training else "inference",
                regularization="not added" if self._model.losses else None,
                statistics=statistics_of(
                    self._model, *("training" for mode in (self.training_mode, self._attack_training) if mode)
                ),
            )
        )

    def defaulted(self) -> tuple[str, ...]:
        """See ``Trainer.defaulted``."""
        left_out = (name for name in ("labels", "clip", "loss") if name not in self._attack)
        return (*left_out, *training_defaulted(self._training))


def _attack_for(model: Any) -> Callable[..., Any]:
    """The library's function, with traces for this model only."""
    import tensorflow as tf
    from cleverhans.tf2.attacks import fast_gradient_method as module

    global _traced_for
    if _traced_for is None or _traced_for() is not model:
        # The library keeps a trace for every model that it was ever given, and each holds its model. A function
        # for each model, with the library's own code, goes when the model goes.
        its_own = module.compute_gradient.python_function  # pyright: ignore[reportFunctionMemberAccess]
        module.compute_gradient = tf.function(its_own)
        _traced_for = weakref.ref(model)
    return module.fast_gradient_method


_NAME = "cleverhans-v4"
