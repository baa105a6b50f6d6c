"""A case that is being made smaller: its settings as plain data, its weights as arrays, and the file it becomes."""

from __future__ import annotations

import io
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.vocabulary import YARDSTICK, Case, Kind

Settings = Mapping[str, Any]

INIT = {"scheme": "glorot_uniform", "seed": 0, "scale": 1.0}
"""What ``model.init`` is where a file leaves it out."""

_MAIN = {"dense": "units", "conv": "filters", "max_pool": "size", "average_pool": "size", "dropout": "rate"}
_MAIN |= {"rescale": "factor"}
"""Of each layer with settings the one whose value may stand for all."""

_LAYER_DEFAULTS = {"kernel": 3, "strides": 1, "padding": "same"}
_PRETRAIN_DEFAULTS = {"optimizer": {"adam": 1e-3}, "batch_size": 32, "seed": 0}
_OPTIMIZER_DEFAULTS = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
_TRAINING_DEFAULTS = {"match_scale": True, "seeds": 1, "seed": 0, "margin": 1.0}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_YAML_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


@dataclass(frozen=True)
class Draft:
    """What a scenario of one case says, in the canonical form of ``harness.vocabulary.Case``.

    Attributes:
        kind: of the case.
        model, data, attack, training: its sections. ``data["x"]`` and ``data["y"]`` of source inline are nested lists.
        subjects: the pair, and the yardstick where the kind has one.
        weights: of the model's layers, in Keras's order, in place of ``model["init"]``; empty where they are drawn.
    """

    kind: Kind
    model: Settings
    data: Settings
    attack: Settings
    training: Settings
    subjects: tuple[str, ...]
    weights: tuple[np.ndarray, ...] = ()

    @classmethod
    def of(cls, case: Case) -> Draft:
        """That of a case."""
        return cls(case.kind, case.model, case.data, case.attack, case.training, case.subjects)

    @property
    def inline(self) -> bool:
        """Whether the examples stand in the file."""
        return self.data["source"] == "inline"

    @property
    def layers(self) -> Sequence[Settings]:
        """Of the model; none where it is a file's or a function's."""
        return self.model.get("layers", ())

    def sections(self, weights_file: str, folder: Path | None = None) -> dict[str, Any]:
        """The sections as they are written, ``training`` where it says something.

        Args:
            weights_file: name of the file that holds the weights.
            folder: from which other files are named; ``None``: by their absolute path.
        """
        found: dict[str, Any] = {"model": _model(self.model, folder), "data": _data(self, folder)}
        if self.weights:
            found["model"]["weights"] = weights_file
        if self.attack:
            found["attack"] = dict(self.attack)
        training = _training(self)
        return found | ({"training": training} if training else {})

    def weights_content(self) -> bytes:
        """The content of the file of weights, an ``.npz``."""
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {f"{index:03d}": array for index, array in enumerate(self.weights)}
        np.savez(buffer, **arrays)
        return buffer.getvalue()


def subjects_of(pair: Sequence[str], kind: Kind) -> tuple[str, ...]:
    """The pair, and the yardstick where the kind has one."""
    return tuple(dict.fromkeys((*pair, *((YARDSTICK,) if kind != "training" else ()))))


def scenario_text(
    draft: Draft,
    *,
    summary: str,
    comments: Sequence[str] = (),
    expect: Mapping[str, Any] | None = None,
    weights_file: str = "weights.npz",
    folder: Path | None = None,
) -> str:
    """The scenario file of a draft.

    Args:
        draft: the draft.
        summary: its line.
        comments: lines in front.
        expect: the one entry of ``expect``; ``None``: none.
        weights_file, folder: as for ``Draft.sections``.
    """
    lines = [f"# {comment}" for comment in comments]
    lines += [f"summary: {json.dumps(summary, ensure_ascii=False)}", f"kind: {draft.kind}"]
    for name, section in draft.sections(weights_file, folder).items():
        if name == "data" and draft.inline:
            lines.append("data:")
            lines += [f"  {key}: {flow(value)}" for key, value in section.items() if key != "x"]
            lines += ["  x:", *(f"    - {flow(example)}" for example in section["x"])]
        else:
            lines.append(f"{name}: {flow(section)}")
    lines.append(f"subjects: {flow(list(draft.subjects))}")
    if expect:
        lines += ["expect:", f"  - {flow(expect)}"]
    return "\n".join(lines) + "\n"


def flow(value: Any) -> str:
    """A plain value as YAML in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, float):
        return repr(int(value)) if abs(value) < 1e6 and value == int(value) else repr(value)
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _YAML_WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def as_lists(x: np.ndarray) -> list:
    """Numbers as nested lists, each with the fewest digits that give the same float32; 1e39 gives infinity."""
    if x.ndim == 0:
        with np.errstate(over="ignore"):
            value = np.float32(x)
        return math.copysign(1e39, value) if np.isinf(value) else float(str(value))  # type: ignore[return-value]
    return [as_lists(part) for part in x]


def _model(model: Settings, folder: Path | None) -> dict[str, Any]:
    written = dict(model)
    for part in ("layers", "before"):
        if part in model:
            written[part] = [_layer(layer) for layer in model[part]]
    if "keras" in model:
        written["keras"] = _path(model["keras"], folder)
    if model.get("output") == "logits":
        del written["output"]
    for name, defaults in (("init", INIT), ("pretrain", _PRETRAIN_DEFAULTS)):
        if name in model:
            written[name] = _without(model[name], defaults)
    if not written.get("init", True):
        del written["init"]
    return written


def _layer(layer: Settings) -> Any:
    settings = _without({name: value for name, value in layer.items() if name != "kind"}, _LAYER_DEFAULTS)
    kind = layer["kind"]
    if not settings:
        return kind
    return {kind: settings[_MAIN[kind]] if len(settings) == 1 else settings}


def _data(draft: Draft, folder: Path | None) -> dict[str, Any]:
    data = dict(draft.data)
    if draft.inline or draft.kind == "training":
        for name in ("split", "seed", "batch"):
            data.pop(name, None)
    if draft.inline and data.get("classes") == max(2, max(data["y"]) + 1):
        del data["classes"]
    if "path" in data:
        data["path"] = _path(data["path"], folder)
    return data


def _training(draft: Draft) -> dict[str, Any]:
    training = _without(draft.training, _TRAINING_DEFAULTS)
    if "optimizer" in training:
        optimizer = _without(training["optimizer"], _OPTIMIZER_DEFAULTS)
        kind, rate = optimizer.pop("kind"), optimizer["rate"]
        training["optimizer"] = {kind: rate if len(optimizer) == 1 else optimizer}
    if training.get("evaluate") == {"every": 0, "epsilons": [draft.attack.get("epsilon", 0.1)]}:
        del training["evaluate"]
    return training


def _without(values: Settings, defaults: Settings) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def _path(path: str, folder: Path | None) -> str:
    return path if folder is None else os.path.relpath(path, folder.resolve())
