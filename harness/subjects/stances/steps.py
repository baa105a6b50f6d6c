"""One training step of any stance, on the reimplementation. Runs in a worker; TensorFlow is imported when called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.oracle.noise import nudge
from harness.subjects.keras2 import cross_entropy, labels_for_loss, named_gradients
from harness.subjects.protocol import Batch, Models
from harness.subjects.reference_float64 import DRAWS, Nudged
from harness.subjects.stances.attacks import Result, conventions_of, losses_of, shared_by_ties, tied_classes
from harness.subjects.stances.stance import SHARED_DRAWS, UPDATED_TWICE, Stance, plainest
from harness.vocabulary import canonical_json


class Steps:
    """The training step of one problem under many stances.

    Args:
        models: of the problem.
        batch: the data.
        begin: brings the process to the state that it finds: masks are drawn anew.
        restore: gives the models their weights back, after a pass that moved statistics.
    """

    def __init__(self, models: Models, batch: Batch, begin: Callable[[], None], restore: Callable[[], None]):
        self._models, self._batch, self._begin, self._restore = models, batch, begin, restore
        self._results: dict[str, Result] = {}
        self._made: dict[str, tuple[Any, Any]] = {}
        self._known: dict[str, bool] = {}

    def key(self, stance: Stance) -> str:
        """Equal for stances that lead to the same result on this problem, as far as is known beforehand."""
        plain = plainest(stance)
        if plain["label-source"] == "predicted" and not self._has(plain, "ties"):
            plain["prediction-ties"] = "first"
        if self._has(plain, "finite"):
            plain["nonfinite-gradient"] = "propagate"
        if self._has(plain, "connected"):
            plain["gradient-flow"] = "stopped" if plain["gradient-flow"] == "cut" else plain["gradient-flow"]
        return canonical_json(plain)

    def result(self, stance: Stance) -> Result:
        """``clean_loss``, ``adversarial_loss``, ``total_loss``, ``gradient/NAME``, weighed as the scenario states."""
        key = self.key(stance)
        if key not in self._results:
            self._results[key] = self._computed(stance)
        return self._results[key]

    def exact(self, stance: Stance) -> Result:
        """The same in the very arithmetic of the stance: those with one key may differ in their rounding."""
        return self._computed(stance)

    def drawn(self, stance: Stance, seed: int) -> Result:
        """The same with other random numbers."""
        return self._computed(stance, seed=seed)

    def uncertainty(self, stance: Stance) -> Result:
        """How far float32 may be from double precision, as the yardstick samples it, under this very stance.

        In double precision what it may be off itself: as much less as its unit of round-off is smaller. By the names of
        ``result``, 0-d each, in units of what the scenario states. Of stances that draw nothing.
        """
        generator = np.random.default_rng(0)
        exact, rough = self._computed({**stance, "dtype": "float64"}), Nudged(self._models, generator)
        finer = float(np.finfo(stance["dtype"]).eps / np.finfo(np.float32).eps)
        single = {**stance, "dtype": "float32"}
        furthest = dict.fromkeys(exact, 0.0)
        for _ in range(DRAWS):
            inputs = {name: nudge(array.astype(np.float32), generator) for name, array in self._batch.inputs.items()}
            drawn = Steps(rough, replace(self._batch, inputs=inputs), self._begin, lambda: None)._computed(single)
            for name, value in drawn.items():
                furthest[name] = max(furthest[name], float(np.abs(value - exact[name]).max(initial=0.0)))
        return {name: np.array(value * finer, np.float64) for name, value in furthest.items()}

    def _computed(self, stance: Stance, *, seed: int = 0) -> Result:
        import tensorflow as tf

        objective = self._objective(stance, seed)
        model, before = self._model(stance["dtype"])
        variables = [*(before.trainable_variables if before is not None else []), *model.trainable_variables]
        if stance["random-draws"]:
            self._begin()
            tf.keras.utils.set_random_seed(seed)
        try:
            losses, gradients = objective.gradients(
                self._x(stance["dtype"]), tf.constant(self._labels(stance)), self._weights(stance), variables
            )
        finally:
            if "training" in stance["training-mode"].values():
                self._restore_all()
        scale = stance["loss-weighting"]["scale"]
        gradients = named_gradients(before, model, gradients).items()
        return {
            "clean_loss": np.asarray(losses.clean),
            "adversarial_loss": np.asarray(losses.adversarial),
            "total_loss": _times(scale, np.asarray(losses.total)),
            **{f"gradient/{name}": _times(scale, gradient) for name, gradient in gradients},
        }

    def _objective(self, stance: Stance, seed: int) -> Any:
        from harness.reference import TrainingAttack, TrainingObjective

        model, before = self._model(stance["dtype"])
        if stance["random-draws"] == SHARED_DRAWS and needs_two_passes(stance):
            model = _WithSharedDraws(model, seed)
        attack = _detached() if stance["gradient-flow"] == "cut" else TrainingAttack
        low, high = stance["clip"] or (None, None)
        modes = stance["training-mode"]
        objective = TrainingObjective(
            model=model,
            loss_fn=cross_entropy(
                output=self._models.output,
                reduction=stance["loss-reduction"]["losses"],
                smoothing=stance["label-smoothing"]["losses"],
            ),
            attack=attack(
                epsilon=stance["epsilon"],
                norm=stance["norm"],
                conventions=conventions_of(stance),
                clip=(low, high),
                loss_fn=self._attack_loss(stance) if needs_two_passes(stance) else None,
                training=modes["attack"] == "training",
            ),
            clean=stance["loss-weighting"]["clean"],
            adversarial=stance["loss-weighting"]["adversarial"],
            training=modes["losses"] == "training",
            before=before,
            regularization=stance["regularization"] == "added",
            statistics="kept" if stance["batch-statistics"] == "kept" else "updated",
        )
        return predicting_first(objective, stance)

    def _attack_loss(self, stance: Stance) -> Callable[[Any, Any], Any]:
        """What the attack ascends, as a function of labels (which the stance decides) and predictions."""
        import tensorflow as tf

        smoothing, weighted = stance["label-smoothing"]["attack"], stance["sample-weights"]["attack"]
        weights = self._weights(stance) if weighted else None

        def loss(_: Any, returned: Any) -> Any:
            labels = self._attacked_labels(stance, tf.stop_gradient(returned))
            labels = labels * (1.0 - smoothing) + smoothing / returned.shape[1]
            losses = losses_of(labels, returned, stance, output=self._models.output)
            losses = losses if weights is None else losses * weights
            total = tf.reduce_mean(losses) if stance["loss-reduction"]["attack"] == "mean" else tf.reduce_sum(losses)
            return total if stance["target"] is None else -total

        return loss

    def _attacked_labels(self, stance: Stance, returned: Any) -> Any:
        """One column a class."""
        import tensorflow as tf

        classes = self._batch.classes
        if stance["target"] is not None:
            return tf.one_hot(np.full_like(self._batch.labels, stance["target"]), classes, dtype=returned.dtype)
        if stance["label-source"] == "given":
            return tf.one_hot(self._batch.labels, classes, dtype=returned.dtype)
        if stance["prediction-ties"] == "first":
            return tf.one_hot(tf.argmax(returned, axis=1), classes, dtype=returned.dtype)
        return shared_by_ties(tied_classes(returned, output=self._models.output))

    def _has(self, stance: Mapping[str, Any], what: str) -> bool:
        """Whether predictions tie, or the gradient that the attack follows is finite, or nothing is behind x."""
        model, before = self._model(stance["dtype"])
        if what == "connected":
            return before is None
        if "training" in stance["training-mode"].values():
            return what == "ties"  # it may be: which masks are drawn is not known beforehand
        codes = ("label-source", "target", "output-kind", "loss-reduction", "label-smoothing", "dtype")
        key = canonical_json([what, *(stance[code] for code in codes)])
        if key not in self._known:
            import tensorflow as tf

            x = self._x(stance["dtype"])
            features = x if before is None else before(x)
            with tf.GradientTape() as tape:
                tape.watch(features)
                returned = model(features, training=False)
                loss = self._attack_loss(stance)(None, returned)
            if what == "ties":
                tied = np.asarray(tied_classes(returned, output=self._models.output))
                self._known[key] = bool((tied.sum(axis=1) != 1).any())
            else:
                self._known[key] = bool(np.isfinite(np.asarray(tape.gradient(loss, features))).all())
        return self._known[key]

    def _model(self, dtype: str) -> tuple[Any, Any]:
        if dtype not in self._made:
            self._made[dtype] = self._models.get(dtype=dtype), self._models.build_before(dtype=dtype)
        return self._made[dtype]

    def _restore_all(self) -> None:
        self._restore()
        self._made.clear()  # the layers before the perturbed input are not kept by the models

    def _x(self, dtype: str) -> Any:
        import tensorflow as tf

        return tf.constant(next(iter(self._batch.inputs.values())).astype(dtype))

    def _labels(self, stance: Stance) -> np.ndarray:
        labels = labels_for_loss(self._batch, smoothing=stance["label-smoothing"]["losses"])
        return labels.astype(stance["dtype"]) if labels.ndim == 2 else labels

    def _weights(self, stance: Stance) -> Any:
        import tensorflow as tf

        given = self._batch.sample_weights
        return None if given is None else tf.constant(given.astype(stance["dtype"]))


@dataclass(frozen=True)
class _PredictingFirst:
    """An objective whose attack predicts its labels in a pass of its own, which moves statistics once more."""

    objective: Any

    def gradients(self, x: Any, labels: Any, sample_weights: Any, variables: Sequence[Any]) -> Any:
        """See ``TrainingObjective.gradients``."""
        before = self.objective.before
        self.objective.model(x if before is None else before(x), training=True)
        return self.objective.gradients(x, labels, sample_weights, variables)


def predicting_first(objective: Any, stance: Stance) -> Any:
    """The objective, with a pass in front of it where the stance has one that counts."""
    in_training = stance["training-mode"]["attack"] == "training"
    return _PredictingFirst(objective) if in_training and stance["batch-statistics"] == UPDATED_TWICE else objective


class _WithSharedDraws:
    """A model whose second pass, that of the clean loss, draws the masks of its first one, that of the attack."""

    def __init__(self, model: Any, seed: int):
        self._model, self._seed, self._passes = model, seed, 0

    def __call__(self, features: Any, *, training: bool) -> Any:
        import tensorflow as tf

        self._passes += 1
        if self._passes == 2:
            tf.keras.utils.set_random_seed(self._seed)
        return self._model(features, training=training)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _times(scale: float, array: np.ndarray) -> np.ndarray:
    """In double precision, so that nothing is rounded that a library does not round."""
    return array if scale == 1.0 else array.astype(np.float64) * scale


def needs_two_passes(stance: Mapping[str, Any]) -> bool:
    """Whether the attack ascends anything but the very loss that is minimised, or in another mode."""
    composed = [stance[code] for code in ("loss-reduction", "label-smoothing", "sample-weights", "training-mode")]
    own = any(one["attack"] != one.get("losses") for one in composed)
    plain = stance["label-source"] == "given" and stance["target"] is None and stance["output-kind"] == "as it is"
    return own or not plain or (stance["random-draws"] or "").startswith("each pass anew")


def _detached() -> Any:
    """An attack that no outer gradient sees: it is called outside of the tape."""
    import tensorflow as tf

    from harness.reference import TrainingAttack

    @dataclass(frozen=True)
    class Detached(TrainingAttack):
        def move(self, x: Any, gradient: Any) -> Any:
            return tf.stop_gradient(super().move(x, gradient))

    return Detached
