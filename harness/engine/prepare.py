"""The units of work that make a problem: its weights and its data, stored once and shared by every subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.engine.store import Store
from harness.scenario import data as data_room
from harness.scenario import models as models_room
from harness.subjects.environments import TENSORFLOW_2
from harness.vocabulary import Case, HarnessError


def prepare_batch(store_root: Path, case: Case) -> dict[str, Any]:
    """Stores the data of a case. Returns its record: ``arrays`` and ``classes``.

    ``input/NAME`` and ``labels``, with ``sample_weights`` where the case has them. Kind training: all training
    examples, and the order in which they come (see ``draw_order``) as ``order`` and ``sizes``; the examples to evaluate
    on as ``test/input/NAME`` and ``test/labels``.
    """
    own = case.data["source"] in ("npz", "inline")
    if case.kind == "training":
        examples = data_room.load_split(case.data, "all" if own else "train")
        order, sizes = draw_order(len(examples.labels), case.training)
        held_out = examples if own else data_room.load_split(case.data, "test")
        further = {"order": order, "sizes": sizes, "test/labels": held_out.labels}
        further |= {f"test/{name}": array for name, array in _inputs(case, held_out).items()}
    else:
        split = data_room.load_split(case.data, case.data.get("split", "test"))
        examples, further = data_room.select_batch(case.data, split), {}
    arrays = {**_inputs(case, examples), "labels": examples.labels, **further}
    drawn = case.training.get("sample_weights")
    if drawn:
        generator = np.random.default_rng(drawn["seed"])
        weights = generator.uniform(drawn["low"], drawn["high"], len(examples.labels))
        arrays["sample_weights"] = weights.astype(np.float32)
    return {"arrays": Store(store_root).put_arrays(arrays), "classes": examples.classes}


def draw_order(examples: int, training: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Which examples each step sees. Every epoch is a new shuffle of all of them; its last batch may be smaller.

    Returns:
        ``order``: int32 ``(seeds, examples seen)``, indices, one batch after the other; ``sizes``: int32 ``(steps,)``.
    """
    full, rest = divmod(examples, training["batch_size"])
    epoch = [training["batch_size"]] * full + [rest] * (rest > 0)
    epochs = -(-training["steps"] // len(epoch))
    sizes = (epoch * epochs)[: training["steps"]]
    rows = []
    for seed in range(training["seeds"]):
        generator = np.random.default_rng([training["seed"], seed])
        rows.append(np.concatenate([generator.permutation(examples) for _ in range(epochs)])[: sum(sizes)])
    return np.asarray(rows, np.int32), np.asarray(sizes, np.int32)


def _inputs(case: Case, examples: data_room.Examples) -> dict[str, np.ndarray]:
    dtype = case.attack.get("dtype", "float32")
    # Every dtype gets the float32 values: the question is what the computation does, not what the data was rounded to.
    return {
        f"input/{name}": array.astype(np.float32).astype(dtype)
        for name, array in data_room.named_inputs(case.data, examples.x).items()
    }


def prepare_weights(store_root: Path, case: Case) -> dict[str, Any]:
    """Draws, loads or trains the weights of a case and stores them. Returns their record: ``arrays``.

    They are named by their place, ``000``; those of layers before the perturbed input ``before/000``; of kind training
    by seed and place, ``000/000``.
    """
    TENSORFLOW_2.begin()
    split = "train" if case.model.get("pretrain") or case.kind == "training" else case.data.get("split", "test")
    if case.data["source"] in ("npz", "inline"):
        split = "all"
    examples = data_room.load_split(case.data, split)
    shapes = {name: array.shape[1:] for name, array in data_room.named_inputs(case.data, examples.x[:1]).items()}
    if case.kind == "training":
        weights = {}
        for seed in range(case.training["seeds"]):
            drawn = _weights(case, examples, shapes, seed)
            weights |= {f"{seed:03d}/{name}": array for name, array in drawn.items()}
    else:
        weights = _weights(case, examples, shapes, 0)
    return {"arrays": Store(store_root).put_arrays(weights)}


def _weights(
    case: Case, examples: data_room.Examples, shapes: Mapping[str, Sequence[int]], seed: int
) -> dict[str, np.ndarray]:
    from harness.scenario.pretrain import pretrain

    init = case.model.get("init", {})
    before = models_room.build_before(case.model, shapes)
    inner = shapes
    if before is not None:
        models_room.set_weights(before, models_room.draw_weights(before, init, further=seed + 1))
        inner = {data_room.SINGLE_INPUT: tuple(before.output_shape[1:])}
    # Trained on logits whatever the model's output is, so that both forms of output get the same weights.
    output = "logits" if "layers" in case.model else case.model.get("output", "logits")
    model = models_room.build(case.model, inner, output=output)
    if "layers" in case.model:
        models_room.set_weights(model, models_room.draw_weights(model, init, further=seed))
    if case.model.get("weights"):
        with np.load(case.model["weights"], allow_pickle=False) as arrays:
            models_room.set_weights(model, [arrays[name] for name in arrays.files])
    if case.model.get("pretrain"):
        pretrain(model, case.data, examples, case.model["pretrain"], output=output)
    _check_fits(model, {name: (1, *shape) for name, shape in inner.items()}, examples.classes)
    weights = {f"{index:03d}": array for index, array in enumerate(model.get_weights())}
    if before is not None:
        weights |= {f"before/{index:03d}": array for index, array in enumerate(before.get_weights())}
    return weights


def _check_fits(model: Any, shapes: Mapping[str, Sequence[int]], classes: int) -> None:
    inputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    try:
        output = np.asarray(model(next(iter(inputs.values())) if len(inputs) == 1 else inputs))
    except Exception as error:  # Keras raises nearly anything for an input that does not fit
        raise HarnessError(f"model: it cannot be called with inputs of shapes {shapes}: {error}") from error
    if output.ndim != 2 or output.shape[1] < classes:
        raise HarnessError(
            f"model: its output has shape (batch, {', '.join(map(str, output.shape[1:]))}); "
            f"the labels need (batch, {classes}), one column a class"
        )
