"""Trainings and single steps on real libraries, small: iris, a dense model, ten steps. And the same model in NumPy."""

import numpy as np
import pytest

from harness.engine.events import Progressed
from harness.engine.run import Options, complete, execute
from harness.oracle.noise import nudge
from harness.vocabulary import Expectation, Location, Verdict

BOTH = ("nsl", "cleverhans-v3", "reference-nsl", "reference-cleverhans")
"""The libraries and the reimplementation under the conventions of each."""

SGD = {"kind": "sgd", "rate": 0.5, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
TRAINING = {
    **{"weighting": {"clean": 1.0, "adversarial": 1.0}, "match_scale": True, "optimizer": SGD},
    **{"steps": 10, "batch_size": 30, "seeds": 1, "seed": 0, "evaluate": {"every": 0, "epsilons": []}, "margin": 1.0},
}
STEP = {"weighting": {"clean": 1.0, "adversarial": 0.2}, "match_scale": True}
LINF = {"epsilon": 0.1, "norm": "linf", "labels": "given"}
L2 = {"epsilon": 0.3, "norm": "l2", "labels": "given"}
NOISY = {
    "layers": [
        {"kind": "dense", "units": 8},
        {"kind": "batchnorm"},
        {"kind": "dropout", "rate": 0.5},
        {"kind": "dense", "units": 3},
    ],
    "output": "logits",
    "init": {"scheme": "glorot_uniform", "seed": 0, "scale": 1.0},
}
ANY = {"subjects": BOTH}
SHAPES = [(4, 8), (8,), (8, 3), (3,)]


@pytest.fixture(scope="session")
def make_training(make_case):
    """Makes a case of kind training with the given settings in place of ordinary ones."""

    def make(name="training", *, attack=LINF, data=None, **fields):
        training = {name: fields.pop(name) for name in list(fields) if name in (*TRAINING, "smoothing", "mode")}
        data = {"source": "iris"} if data is None else data
        return make_case(
            name, kind="training", attack=attack, data=data, training={**TRAINING, **training}, **{**ANY, **fields}
        )

    return make


@pytest.fixture(scope="session")
def make_step(make_case):
    """Makes a case of kind loss."""

    def make(name="step", *, attack=LINF, training=STEP, **fields):
        return make_case(name, kind="loss", attack=attack, training=training, **{**ANY, **fields})

    return make


@pytest.fixture(scope="session")
def orderly(make_training, make_step):
    """Cases that one worker does one after the other on the same models, in training mode and not."""
    one_draw, three = {**STEP, "mode": "inference"}, ("nsl", "reference-nsl", "reference-cleverhans")
    return [
        make_step("infers", model=NOISY, training=one_draw),
        make_step("trains", model=NOISY, training={**STEP, "mode": "training", "attack_mode": "training"}),
        make_step("attacks", model=NOISY, training={**one_draw, "attack_mode": "training"}, subjects=three[1:]),
        make_training("drops", model=NOISY, steps=3, subjects=three[:2]),
    ]


@pytest.fixture(scope="session")
def starts(tmp_path_factory):
    """Files of initial weights: as they are, with a dead weight, and as a noise twin starts."""
    folder = tmp_path_factory.mktemp("weights")
    generator = np.random.default_rng(5)
    weights = [generator.normal(size=shape).astype(np.float32) for shape in SHAPES]
    weights[0][0, 0] = 0.0
    twins = np.random.default_rng(0)
    files = {"start": weights, "nudged": [nudge(array, twins) for array in weights]}
    for name, arrays in files.items():
        np.savez(folder / f"{name}.npz", **{f"{index}": array for index, array in enumerate(arrays)})
    return {name: str(folder / f"{name}.npz") for name in files}


@pytest.fixture(scope="session")
def cases(make_training, make_step, orderly, starts):
    """What most tests of this folder look at."""
    answer = Expectation(Verdict.EQUAL, "1 + m is a power of two", Location("alike.yaml", 5, 3), outcome="equivalent")
    momentum = {**SGD, "momentum": 0.9}
    declared = make_training().model
    own = [
        make_training(
            name, model={**declared, "weights": path}, attack=L2, optimizer=momentum, subjects=("reference-nsl",)
        )
        for name, path in starts.items()
    ]
    softmax = {**declared, "output": "probabilities"}
    within = {**L2, "clip": [0.2, 0.7]}
    before = {**declared, "before": [{"kind": "dense", "units": 5}]}
    one, at_end = ("reference-nsl",), {"every": 0, "epsilons": [0.2]}
    several = {"every": 0, "epsilons": [0.1, 0.2, 0.4]}
    named = {"source": "iris", "inputs": {"a": 1, "b": 3}}
    return [
        make_training(
            "alike",
            seeds=3,
            evaluate={"every": 4, "epsilons": [0.05, 0.2]},
            expectations={"nsl|cleverhans-v3": answer},
        ),
        make_training("breaks", optimizer={**SGD, "rate": 1e30}, steps=4, subjects=BOTH[1:3]),
        *own,
        make_training("double", attack={**LINF, "dtype": "float64"}, steps=4, subjects=BOTH[2:]),
        make_training("named", data=named, evaluate=at_end, subjects=("nsl",)),
        make_training("clipped", model=softmax, attack=within, evaluate=several, subjects=one),
        make_training("long", steps=3000, evaluate={"every": 700, "epsilons": []}, subjects=one),
        make_step("ratio", subjects=(*BOTH, "reference-float64")),
        make_step("unmatched", training={**STEP, "match_scale": False}, subjects=BOTH[2:]),
        make_step("before", model=before, subjects=BOTH[1:3]),
        *orderly,
    ]


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def events(cases, store):
    """Everything that happened in the run of the cases."""
    happened = []
    happened.append(complete(execute(cases, Options(store=store, jobs=2)), happened.append))
    return happened


@pytest.fixture(scope="session")
def first(events):
    """The run of the cases."""
    return events[-1]


@pytest.fixture(scope="session")
def record_of(first):
    """The record of a case, by its id."""
    return {record.case.id: record for record in first.cases}.__getitem__


@pytest.fixture(scope="session")
def arrays_of(first, record_of):
    """The arrays of an outcome, by the id of its case and its subject."""
    return lambda case, subject: first.arrays(record_of(case).outcome(subject).arrays)


@pytest.fixture
def progressed(events):
    """How far the trainings were, as the run told."""
    return [event for event in events if isinstance(event, Progressed)]


class Network:
    """The ordinary model, dense 8, relu, dense 3, in double precision: logits, losses and gradients by hand."""

    def __init__(self, flat):
        parts = np.split(np.asarray(flat, np.float64), np.cumsum([int(np.prod(shape)) for shape in SHAPES])[:-1])
        self.kernel, self.bias, self.last_kernel, self.last_bias = (
            part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)
        )

    def logits(self, x):
        return np.maximum(x @ self.kernel + self.bias, 0) @ self.last_kernel + self.last_bias

    def loss(self, x, labels):
        """Mean cross-entropy."""
        return -np.log(self._probabilities(x)[np.arange(len(labels)), labels]).mean()

    def weight_gradient(self, x, labels):
        """Of the mean loss, flat."""
        hidden, error = np.maximum(x @ self.kernel + self.bias, 0), self._error(x, labels) / len(labels)
        behind = error @ self.last_kernel.T * (hidden > 0)
        return np.concatenate([(x.T @ behind).ravel(), behind.sum(0), (hidden.T @ error).ravel(), error.sum(0)])

    def attacked(self, x, labels, epsilon, *, norm="linf", clip=None):
        """Examples one step of the fast gradient method away."""
        active = x @ self.kernel + self.bias > 0
        gradient = self._error(x, labels) @ self.last_kernel.T * active @ self.kernel.T
        if norm == "l2":
            direction = gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-12)
        else:
            direction = np.sign(gradient)
        moved = x + epsilon * direction
        return moved if clip is None else np.clip(moved, *clip)

    def accuracy(self, x, labels):
        return float((self.logits(x).argmax(axis=1) == labels).mean())

    def _probabilities(self, x):
        powers = np.exp(self.logits(x) - self.logits(x).max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def _error(self, x, labels):
        return self._probabilities(x) - np.eye(3)[labels]


@pytest.fixture(scope="session")
def network():
    """Makes the model of flat weights."""
    return Network
