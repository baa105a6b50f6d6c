"""The part of the plain script that runs under TensorFlow 2: NSL, cleverhans 4.0.0 and the reimplementation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from harness import reference
from harness.bench.plain_problems import Answer, Batches, Models, by_weights, trained, write_weights
from harness.reference.float64 import yardstick
from harness.subjects.cleverhans_call import fgm_arguments
from harness.subjects.keras2 import as_model_input, cross_entropy
from harness.subjects.nsl import import_nsl
from harness.subjects.nsl_call import config_arguments, labels_for
from harness.subjects.protocol import Batch
from harness.subjects.translate import refuse_feature_mask, single_input, target_class
from harness.vocabulary import Case, Unsupported


def answers(cases: Sequence[Case], folder: Path) -> Iterator[Answer]:
    """Calls every implementation for every case that it can express.

    Args:
        cases: in any order.
        folder: where weights and batches are left.
    """
    calls: dict[str, Callable[[Models, Case, Batch], Mapping[str, Any]]] = {
        "nsl": nsl,
        "cleverhans-v4": cleverhans_v4,
        "reference-nsl": reference_nsl,
        "reference-cleverhans": reference_cleverhans,
        "reference-float64": reference_float64,
    }
    batches = Batches(folder, cases)
    for number, group in enumerate(by_weights(cases)):
        weights = trained(group[0])
        write_weights(folder, number, weights)
        models = Models(weights)
        for case in group:
            batch = batches.of(case)
            for name in case.subjects:
                if name not in calls:
                    continue
                try:
                    adversarial = calls[name](models, case, batch)
                except Unsupported:
                    continue
                except Exception:  # whatever the library raises is its answer to that case
                    yield Answer(case.id, name)
                    continue
                yield Answer(case.id, name, {key: np.asarray(adversarial[key]) for key in batch.inputs})


def nsl(models: Models, case: Case, batch: Batch) -> Mapping[str, Any]:
    """Through ``AdversarialRegularization.perturb_on_batch``."""
    library = import_nsl()
    model = models.of(case, batch, dtype=batch.dtype, output=case.model["output"])
    labels = labels_for(model, batch, case.attack)
    config = library.configs.make_adv_reg_config(**config_arguments(case.attack, batch))
    adversarial_model = library.keras.AdversarialRegularization(model, label_keys=["label"], adv_config=config)
    reduction = case.attack.get("loss_reduction", "mean")
    adversarial_model.compile(optimizer="sgd", loss=cross_entropy(output=case.model["output"], reduction=reduction))
    return adversarial_model.perturb_on_batch({**batch.inputs, "label": labels})


def reference_nsl(models: Models, case: Case, batch: Batch) -> Mapping[str, Any]:
    """Through ``reference.perturb``."""
    model = models.of(case, batch, dtype=batch.dtype, output=case.model["output"])
    labels = labels_for(model, batch, case.attack)
    config = reference.make_adv_reg_config(**config_arguments(case.attack, batch))
    reduction = case.attack.get("loss_reduction", "mean")
    loss_fn = cross_entropy(output=case.model["output"], reduction="none" if reduction == "mean" else reduction)
    return reference.perturb(
        {name: tf.constant(array) for name, array in batch.inputs.items()},
        labels,
        lambda features: model(as_model_input(features), training=False),
        reference.mean_over_batch(loss_fn) if reduction == "mean" else loss_fn,
        adv_config=config,
    )


def cleverhans_v4(models: Models, case: Case, batch: Batch) -> Mapping[str, Any]:
    """Through ``cleverhans.tf2.attacks.fast_gradient_method``."""
    from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method

    return _fast_gradient(fast_gradient_method, "cleverhans-v4", models, case, batch)


def reference_cleverhans(models: Models, case: Case, batch: Batch) -> Mapping[str, Any]:
    """Through ``reference.fast_gradient_method``."""
    return _fast_gradient(reference.fast_gradient_method, "reference-cleverhans", models, case, batch)


def reference_float64(models: Models, case: Case, batch: Batch) -> Mapping[str, Any]:
    """Through ``reference.float64.yardstick``."""
    attack = case.attack
    if "epsilon" not in attack or "norm" not in attack:
        raise Unsupported("reference-float64 has no defaults")
    target = target_class(attack)
    labels = None if attack.get("labels") == "predicted" else batch.labels
    found = yardstick(
        models.of(case, batch, dtype="float64", output="logits"),
        as_model_input(batch.inputs),
        labels if target is None else np.full_like(batch.labels, target),
        epsilon=attack["epsilon"],
        norm=attack["norm"],
        clip=attack.get("clip") or (None, None),
        targeted=target is not None,
        feature_mask=attack.get("feature_mask"),
    )
    return found.adversarial if isinstance(found.adversarial, Mapping) else {"x": found.adversarial}


def _fast_gradient(
    function: Callable[..., Any], subject: str, models: Models, case: Case, batch: Batch
) -> Mapping[str, Any]:
    x = single_input(batch, subject)
    refuse_feature_mask(case.attack, subject)
    if batch.dtype != "float32":
        raise Unsupported(f"{subject} casts its input to float32")
    arguments = fgm_arguments(case.attack, batch, subject, output=case.model["output"])
    (name,) = batch.inputs
    return {name: function(models.of(case, batch, dtype="float32", output=case.model["output"]), x, **arguments)}
