"""The part of the plain script that runs under TensorFlow 1: cleverhans 3.1.0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.bench.plain_problems import Answer, Batches, Models, by_weights, read_weights
from harness.subjects.cleverhans_v3 import generate_arguments, import_cleverhans
from harness.subjects.environments import TENSORFLOW_1
from harness.subjects.protocol import Batch
from harness.subjects.translate import refuse_feature_mask, single_input
from harness.vocabulary import Case, Unsupported

_NAME = "cleverhans-v3"


def answers(cases: Sequence[Case], folder: Path) -> Iterator[Answer]:
    """Calls ``FastGradientMethod.generate`` for every case that the library can express, in one graph for each model.

    Args:
        cases: the same, in the same order, as in the script's first process.
        folder: where that has left weights and batches.
    """
    TENSORFLOW_1.begin()
    tf1, cleverhans = import_cleverhans()
    batches = Batches(folder, cases)
    for number, group in enumerate(by_weights(cases)):
        weights = read_weights(folder, number)
        with tf1.Graph().as_default(), tf1.Session() as session:
            models = Models(weights)
            for case in group:
                if _NAME not in case.subjects:
                    continue
                batch = batches.of(case)
                try:
                    yield Answer(case.id, _NAME, {"x": _generate(tf1, cleverhans, session, models, case, batch)})
                except Unsupported:
                    continue
                except Exception:  # whatever the library raises is its answer to that case
                    yield Answer(case.id, _NAME)


def _generate(tf1: Any, cleverhans: Any, session: Any, models: Models, case: Case, batch: Batch) -> np.ndarray:
    x = single_input(batch, _NAME)
    refuse_feature_mask(case.attack, _NAME)
    if case.model["output"] != "logits":
        raise Unsupported(f"{_NAME} takes logits only")
    model = models.of(case, batch, dtype=batch.dtype, output="logits")
    attack = cleverhans.attacks.FastGradientMethod(
        cleverhans.model.CallableModelWrapper(model, "logits"), sess=session, dtypestr=batch.dtype
    )
    placeholder = tf1.placeholder(batch.dtype, x.shape)
    return session.run(attack.generate(placeholder, **generate_arguments(tf1, case.attack, batch)), {placeholder: x})
