"""The search for a smaller case, on drafts that are judged by what they say; and what takes parts of a model away."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness.explain.reducing import given_weights, spatial
from harness.explain.reducing.draft import Draft, as_lists, flow, scenario_text
from harness.explain.reducing.reduction import reduce_case, write_reduction
from harness.explain.reducing.trial import Numbers, Seen, Symptom, key_of
from harness.scenario.cases import read_cases
from harness.scenario.paths import Permissions, shipped_scenarios
from harness.scenario.select import load_cases
from harness.vocabulary import Comparison, HarnessError, Verdict

PAIR = ("nsl", "cleverhans-v4")
GENERATOR = np.random.default_rng(3)


class Judge:
    """Stands for the libraries: says of each draft whether it diverges. Examples and weights are really there."""

    pair = PAIR

    def __init__(self, diverges, *, interrupt_after=10**6):
        self.diverges, self.interrupt_after, self.count, self.tried, self.found = diverges, interrupt_after, 0, [], []

    def first(self, case):
        return self._seen(Draft.of(case))

    def find(self, drafts: Sequence[Draft], symptom: Symptom) -> Seen | None:
        for draft in drafts:
            self.count += 1
            self.tried.append(key_of(draft))
            if self.count > self.interrupt_after:
                raise KeyboardInterrupt
        shown = next((seen for seen in map(self._seen, drafts) if symptom.is_shown_by(seen.symptom)), None)
        self.found += [key_of(shown.draft)] if shown else []
        return shown

    def _seen(self, draft):
        if draft.inline:
            x, labels = np.asarray(draft.data["x"]), np.asarray(draft.data["y"])
        else:
            x, labels = np.random.default_rng(0).uniform(size=(12, 4)), np.arange(12) % 3
        verdict = Verdict.DIVERGED if self.diverges(draft, x, labels) else Verdict.CLOSE
        comparison = Comparison(*PAIR, verdict, "1 of 4 elements differs.")
        settings = frozenset(() if "epsilon" in draft.attack else ("epsilon",))
        symptom = Symptom(verdict, "", settings, False, (("ok", ""), ("ok", "")))
        weights = draft.weights or _drawn(draft, x[0].size)
        numbers = Numbers(len(labels), x[0].size, sum(array.size for array in weights))
        return Seen(draft, comparison, symptom, numbers, {"input/x": x, "labels": labels}, weights, np.abs(x))


def _drawn(draft, features):
    found = []
    for units in (layer["units"] for layer in draft.layers if layer["kind"] == "dense"):
        found += [np.ones((features, units)), np.ones(units)]
        features = units
    return tuple(found)


@pytest.fixture
def case(make_case):
    return make_case("iris-case", subjects=PAIR, attack={"epsilon": 0.137, "norm": "linf", "labels": "given"})


def test_only_what_the_divergence_needs_is_left(case):
    """It takes two examples of class 2 and one of its features that is not 0, and the norm to be stated."""
    trials = Judge(lambda draft, x, labels: (labels == 2).sum() >= 2 and (x != 0).any() and "norm" in draft.attack)
    last = reduce_case(case, trials, seconds=60).last.draft
    assert (last.data["y"], last.data["x"]) == ([2, 2], [[1.0], [1.0]])
    assert last.layers == [{"kind": "dense", "units": 3}]
    assert last.attack == {"epsilon": 1.0, "norm": "linf"}  # epsilon left out would be another divergence


def test_the_same_case_comes_to_the_same_draft_and_no_draft_is_taken_twice(case):
    judges = [Judge(lambda draft, x, labels: x.shape[1] >= 3 and len(labels) >= 3) for _ in range(2)]
    found = [reduce_case(case, judge, seconds=60).last.draft for judge in judges]
    assert judges[0].tried == judges[1].tried
    assert len(set(judges[0].found)) == len(judges[0].found)
    assert [draft.data["x"] for draft in found] == [[[0.0] * 3] * 3] * 2


def test_a_pair_that_agrees_is_refused(case):
    with pytest.raises(HarnessError, match="nsl and cleverhans-v4 are CLOSE here: 1 of 4 elements differs"):
        reduce_case(case, Judge(lambda draft, x, labels: False), seconds=60)


def test_after_ctrl_c_the_best_so_far_is_written(case, tmp_path):
    reduction = reduce_case(case, Judge(lambda draft, x, labels: True, interrupt_after=8), seconds=60)
    assert reduction.ended == "interrupted"
    assert reduction.last.numbers.total < reduction.first.numbers.total
    (path,) = write_reduction(reduction, tmp_path / "small.yaml")
    (small,) = read_cases(path, Permissions())
    assert small.expectations["nsl|cleverhans-v4"].verdict == Verdict.DIVERGED


def test_weights_that_no_draw_replaces_are_written_beside_the_scenario(make_case, tmp_path):
    pretrained = {**make_case().model, "pretrain": {"epochs": 1}}
    case = make_case("trained", subjects=PAIR, model=pretrained, attack={"epsilon": 0.1})
    trials = Judge(lambda draft, x, labels: bool(draft.weights) or "pretrain" in draft.model)
    paths = write_reduction(reduce_case(case, trials, seconds=60), tmp_path / "small.yaml")
    (small,) = read_cases(paths[0], Permissions())
    assert (small.model["weights"], small.model["layers"]) == (str(paths[1]), [{"kind": "dense", "units": 2}])
    with np.load(paths[1]) as arrays:
        assert [arrays[name].shape for name in arrays.files] == [(1, 2), (2,)]


def test_the_time_limit_ends_the_search(case):
    reduction = reduce_case(case, Judge(lambda draft, x, labels: True), seconds=0)
    assert reduction.ended == "time"
    assert reduction.last is reduction.first


def test_every_shipped_case_can_be_written_as_a_file_that_says_the_same(tmp_path):
    for index, case in enumerate(load_cases([shipped_scenarios()], allow_outside=True)[::3]):
        path = tmp_path / f"case-{index}.yaml"
        path.write_text(scenario_text(Draft.of(case), summary="The same."))
        (read,) = read_cases(path, Permissions(outside=True))
        for section in ("model", "data", "attack", "training", "subjects"):
            assert getattr(read, section) == getattr(case, section), case.id


def test_numbers_are_written_with_the_digits_that_give_the_same_float32():
    x = GENERATOR.normal(size=(2, 3, 1)).astype(np.float32)
    assert np.array_equal(np.asarray(as_lists(x), np.float32), x)
    assert as_lists(np.asarray([0.1], np.float32)) == [0.1]
    beyond = np.asarray([np.inf, -np.inf], np.float32)
    with np.errstate(over="ignore"):
        assert np.array_equal(np.asarray(as_lists(beyond), np.float64).astype(np.float32), beyond)
    assert flow(as_lists(beyond)) == "[1e+39, -1e+39]"


def _network(draft, x):
    """Of dense layers with relu between them."""
    value = x
    for layer, place in zip(draft.layers, given_weights.places(draft.layers), strict=True):
        if layer["kind"] == "relu":
            value = np.maximum(value, 0)
        else:
            kernel, bias = draft.weights[place]
            value = value @ kernel + bias
    return value


@pytest.fixture
def dense(case):
    weights = tuple(np.abs(GENERATOR.normal(size=shape)) for shape in ((4, 8), (8,), (8, 3), (3,)))
    return replace(Draft.of(case), weights=weights)


def test_dense_layers_that_become_one_compute_the_same_where_nothing_is_cut_off(dense):
    x = GENERATOR.uniform(size=(5, 4))
    merged = given_weights.without_layer(dense, 0)
    assert merged is not None
    assert merged.layers == [{"kind": "dense", "units": 3}]
    assert np.allclose(_network(merged, x), _network(dense, x))


def test_units_without_weight_behind_them_can_be_taken(dense):
    first, bias, second, last = dense.weights
    second = second * (np.arange(8) >= 6)[:, None]
    draft = replace(dense, weights=(first, bias, second, last))
    x = GENERATOR.uniform(size=(5, 4))
    assert np.allclose(_network(given_weights.with_units(draft, 0, [6, 7]), x), _network(draft, x))


def test_features_that_are_0_can_be_taken(dense):
    x = GENERATOR.uniform(size=(5, 4)) * [1, 0, 1, 0]
    smaller = replace(dense, weights=given_weights.with_features(dense.weights, dense.layers, [0, 2]))
    assert np.allclose(_network(smaller, x[:, [0, 2]]), _network(dense, x))


def _image_network(draft, images):
    """Of convolutions that keep the size, relu, pools of 2 and dense layers; images of shape (n, height, width, c)."""
    value = images
    for layer, place in zip(draft.layers, given_weights.places(draft.layers), strict=True):
        if layer["kind"] == "relu":
            value = np.maximum(value, 0)
        elif layer["kind"] == "average_pool":
            n, height, width, channels = value.shape
            value = value.reshape(n, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))
        elif layer["kind"] == "conv":
            kernel, bias = draft.weights[place]
            around = (layer["kernel"] - 1) // 2
            padded = np.pad(value, ((0, 0), (around, around), (around, around), (0, 0)))
            size = range(len(kernel))
            height, width = value.shape[1:3]
            seen = [(i, j, padded[:, i : i + height, j : j + width]) for i in size for j in size]
            value = np.add.reduce([part @ kernel[i, j] for i, j, part in seen]) + bias
        elif layer["kind"] == "dense":
            kernel, bias = draft.weights[place]
            value = value.reshape(len(value), -1) @ kernel + bias
    return value


@pytest.fixture
def images(case):
    """Of 4x4 pixels and two channels: two convolutions, a pool between them."""
    first, second = ({"kind": "conv", "filters": n, "kernel": 3, "strides": 1, "padding": "same"} for n in (4, 3))
    kinds = [first, {"kind": "relu"}, {"kind": "average_pool", "size": 2}, second, {"kind": "flatten"}]
    shapes = ((3, 3, 2, 4), (4,), (3, 3, 4, 3), (3,), (12, 2), (2,))
    weights = tuple(np.abs(GENERATOR.normal(size=shape)) for shape in shapes)
    return replace(Draft.of(case), model={"layers": [*kinds, {"kind": "dense", "units": 2}]}, weights=weights)


def test_filters_that_nothing_sees_can_be_taken(images):
    weights = list(images.weights)
    weights[2] = weights[2] * (np.arange(4) >= 2)[:, None]
    weights[4] = (weights[4].reshape(4, 3, 2) * (np.arange(3) == 1)[:, None]).reshape(12, 2)
    draft = replace(images, weights=tuple(weights))
    x = GENERATOR.uniform(size=(3, 4, 4, 2))
    for smaller in (spatial.with_filters(draft, 0, [2, 3]), spatial.with_filters(draft, 3, [1])):
        assert smaller is not None
        assert np.allclose(_image_network(smaller, x), _image_network(draft, x))


def test_convolutions_of_one_pixel_go_into_the_layer_behind_them(images):
    narrow = spatial.with_smaller_kernel(images, 0)
    assert narrow is not None
    assert narrow.weights[0].shape == (1, 1, 2, 4)
    x = GENERATOR.uniform(size=(3, 4, 4, 2))
    for index in (0, 3):
        small = spatial.with_smaller_kernel(images, index)
        assert small is not None
        merged = spatial.without_convolution(small, index)
        assert merged is not None
        if index == 3:  # in front of the other convolution a border is padded with zeros, and not with a bias
            assert np.allclose(_image_network(merged, x), _image_network(small, x))
    assert [layer["kind"] for layer in merged.layers] == ["conv", "relu", "average_pool", "flatten", "dense"]


def test_a_smaller_image_keeps_what_its_pixels_meant(images):
    x = GENERATOR.uniform(size=(3, 4, 4, 2))
    one_pixel, *larger = spatial.crops(images, (4, 4), 1, 2)
    assert [(part[0], part[1]) for part, _ in (one_pixel, *larger)] == [
        (slice(1, 2), slice(2, 3)),
        (slice(0, 2), slice(2, 4)),
    ]
    weights = list(images.weights)
    # Kernels that see no neighbour, and a dense layer that sees the corner at the top on the right only.
    for index in (0, 2):
        weights[index] = weights[index] * (np.arange(9) == 4).reshape(3, 3, 1, 1)
    weights[4] = (weights[4].reshape(4, 3, 2) * (np.arange(4) == 1)[:, None, None]).reshape(12, 2)
    draft = replace(images, weights=tuple(weights))
    _, ((rows, columns), smaller) = spatial.crops(draft, (4, 4), 1, 2)
    assert np.allclose(_image_network(smaller, x[:, rows, columns]), _image_network(draft, x))
