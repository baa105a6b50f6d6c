"""A valid file becomes cases: canonical settings, the matrix multiplied out, ids that stay."""

from __future__ import annotations

import json

import pytest

from harness.scenario.ids import case_id, word
from harness.scenario.matrix import MOST_CASES
from harness.vocabulary import SUBJECTS, canonical_json, plain

GLOROT = {"scheme": "glorot_uniform", "seed": 0, "scale": 1.0}


def test_defaults_are_filled_in_but_not_the_librarys(read) -> None:
    (case,) = read("tags: [smoke]\n")
    assert (case.id, case.scenario, case.kind, case.summary) == ("test", "test", "perturbation", "A test.")
    assert (case.subjects, case.tags, case.point, case.expectations) == (SUBJECTS, ("smoke",), {}, {})
    assert case.data == {"source": "digits", "split": "test", "batch": 64, "seed": 0}
    assert case.attack == {"epsilon": 0.1}
    layers = [{"kind": "dense", "units": 8}, {"kind": "relu"}, {"kind": "dense", "units": 10}]
    assert case.model == {"layers": layers, "output": "logits", "init": GLOROT}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("attack: {epsilon: 8/255}", "attack: {epsilon: ' 8 / 255 '}"),
        ("attack: {epsilon: 1/10}", "attack: {epsilon: 0.1}"),
        ("attack: {epsilon: 1}", "attack: {epsilon: 1.0}"),
        ("attack: {clip: [0, 1]}", "attack: {clip: [0.0, 1.0]}"),
        ("model: {layers: [{dense: 10}]}", "model: {layers: [dense: {units: 10}], init: {seed: 0}, output: logits}"),
        ("model: {layers: [relu, {dense: 10}]}", "model: {layers: [{relu: {}}, {dense: 10}]}"),
        (
            "model: {layers: [{conv: 2}, {pool: 2}, {dense: 10}]}",
            "model: {layers: [conv: {filters: 2, padding: same, kernel: 3, strides: 1}, pool: {size: 2}, dense: 10]}",
        ),
        ("data: {source: digits}", "data: {source: digits, batch: 64, seed: 0, split: test}"),
        (
            "data: {source: iris}\nmodel: {layers: [{dense: 3}]}",
            "data: {source: iris, batch: 50}\nmodel: {layers: [{dense: 3}]}",
        ),
        (
            "attack: {}",
            f"attack: {{}}\nsubjects: [{', '.join(SUBJECTS)}]",
        ),
    ],
)
def test_two_spellings_of_one_thing_are_one_case(read, one: str, other: str) -> None:
    assert read(one + "\n") == read(other + "\n")


@pytest.mark.parametrize(
    ("stated", "canonical"),
    [
        ("epsilon: 8/255", {"epsilon": 8 / 255}),
        ("norm: l1", {"norm": "l1"}),
        ("labels: predicted", {"labels": "predicted"}),
        ("labels: {target: 9}", {"labels": {"target": 9}}),
        ("clip: [null, 1]", {"clip": [None, 1.0]}),
        ("clip: [null, null]", {"clip": [None, None]}),
        ("loss: cross_entropy", {"loss": "cross_entropy"}),
        ("loss_reduction: none", {"loss_reduction": "none"}),
        (
            "feature_mask: [[[1], [0], [0.5], [0], [0], [0], [0], [0]]]",
            {"feature_mask": [[[1], [0], [0.5], *[[0]] * 5]]},
        ),
        ("feature_mask: [1]", {"feature_mask": [1]}),
        ("dtype: float64", {"dtype": "float64"}),
        ("", {}),
    ],
)
def test_the_attack_holds_what_is_stated_and_no_more(read, stated: str, canonical: dict) -> None:
    (case,) = read(f"attack: {{{stated}}}\n")
    assert case.attack == canonical


def test_layers_in_canonical_form(read) -> None:
    (case,) = read(
        "model:\n"
        "  layers: [{conv: {filters: 4, kernel: 2, strides: 2, padding: valid}}, batchnorm, relu, {average_pool: 2},\n"
        "           {dropout: 0.5}, flatten, {dense: 10}, {rescale: 50}, softplus]\n"
        "  output: probabilities\n"
        "  init: {scheme: he_normal, seed: 3, scale: 0.5}\n"
        "  pretrain: {epochs: 2, optimizer: {sgd: 1}}\n"
    )
    assert case.model == {
        "layers": [
            {"kind": "conv", "filters": 4, "kernel": 2, "strides": 2, "padding": "valid"},
            {"kind": "batchnorm"},
            {"kind": "relu"},
            {"kind": "average_pool", "size": 2},
            {"kind": "dropout", "rate": 0.5},
            {"kind": "flatten"},
            {"kind": "dense", "units": 10},
            {"kind": "rescale", "factor": 50.0},
            {"kind": "softplus"},
        ],
        "output": "probabilities",
        "init": {"scheme": "he_normal", "seed": 3, "scale": 0.5},
        "pretrain": {"epochs": 2, "optimizer": {"sgd": 1.0}, "batch_size": 32, "seed": 0},
    }


def test_inline_data_are_the_batch(read) -> None:
    (case,) = read("data: {source: inline, x: [[0, 1], [1, 0], [1, 1]], y: [0, 1, 2]}\nmodel: {layers: [{dense: 3}]}\n")
    assert case.data == {
        **{"source": "inline", "split": "all", "seed": 0, "batch": 3, "classes": 3},
        **{"x": [[0, 1], [1, 0], [1, 1]], "y": [0, 1, 2]},
    }


def test_inline_data_may_know_of_more_classes_than_occur(read) -> None:
    (case,) = read("data: {source: inline, x: [[0, 1]], y: [0], classes: 10}\nattack: {labels: {target: 9}}\n")
    assert case.data["classes"] == 10


def test_several_inputs(read) -> None:
    (case,) = read("data: {source: digits, inputs: {top: 24, rest: 40}}\nattack: {feature_mask: {rest: [0.5]}}\n")
    assert list(case.data["inputs"].items()) == [("top", 24), ("rest", 40)]
    assert case.attack["feature_mask"] == {"rest": [0.5]}


def test_the_matrix_is_multiplied_out_in_the_order_of_the_file(read) -> None:
    cases = read("matrix:\n  attack.norm: [linf, l2]\n  attack.epsilon: [0.10, 8/255]\n")
    assert [case.id for case in cases] == [
        "test[epsilon=0.1,norm=linf]",
        "test[epsilon=8/255,norm=linf]",
        "test[epsilon=0.1,norm=l2]",
        "test[epsilon=8/255,norm=l2]",
    ]
    assert cases[1].point == {"attack.norm": "linf", "attack.epsilon": "8/255"}
    assert cases[1].attack == {"norm": "linf", "epsilon": 8 / 255}


def test_any_setting_can_be_varied_as_if_it_were_written(read) -> None:
    cases = read(
        "model: {init: {scale: 2}}\ndata: {seed: 1}\n"
        "matrix:\n"
        "  model.layers: [[{dense: 10}], [{dense: 4}, relu, {dense: 10}]]\n"
        "  model.init.seed: [0, 1]\n"
        "  model.pretrain: [{epochs: 1}]\n"
        "  model.pretrain.batch_size: [8]\n"
        "  data.source: [digits]\n"
        "  attack.clip: [[0, 1], [null, null]]\n".replace("  model.pretrain: [{epochs: 1}]\n", "").replace(
            "model.pretrain.batch_size: [8]", "model.pretrain.epochs: [7]"
        )
    )
    assert len(cases) == 8
    last = cases[-1]
    assert last.id == "test[clip=none..none,source=digits,seed=1,layers=dense:4+relu+dense:10,epochs=7]"
    assert last.model["init"] == {"scheme": "glorot_uniform", "seed": 1, "scale": 2.0}
    assert last.model["pretrain"]["epochs"] == 7
    assert (last.data["seed"], last.attack["clip"]) == (1, [None, None])


def test_a_matrix_value_may_complete_what_the_file_leaves_open(read, complaints) -> None:
    text = "data: {batch: 60}\nmodel: {layers: [{dense: 3}]}\nmatrix: {data.source: [blobs, iris]}\n"
    (found,) = complaints(text)
    message = (
        "data.batch: expected at most 50, the size of the test split of iris, got 60. (In case test[source=iris].)"
    )
    assert found == f"1:15: {message}"
    assert len(read(text.replace("60", "50"))) == 2


def test_sections_are_checked_against_each_other_at_each_point(complaints) -> None:
    found = complaints(
        "model: {layers: [{dense: 10}]}\nattack: {labels: {target: 5}, feature_mask: [[[0]]]}\n"
        "matrix: {data.source: [digits, iris]}\n"
    )
    assert [message.split(": expected")[0].split(": there")[0] for message in found] == [
        "1:18: model.layers[0]",
        "2:27: attack.labels.target",
        "2:45: attack.feature_mask",
    ]
    assert all(message.endswith("(In case test[source=iris].)") for message in found)


def test_limits_are_allowed(read) -> None:
    (case,) = read(
        "model: {layers: [{conv: {filters: 1, kernel: 9}}, {average_pool: 8}, {dropout: 0}, {dense: 10}]}\n"
        "data: {source: digits, batch: 599, seed: 4294967295}\n"
        "attack: {epsilon: 0, labels: {target: 9}, feature_mask: [0]}\n"
    )
    assert (case.data["batch"], case.model["layers"][2]) == (599, {"kind": "dropout", "rate": 0.0})


def test_a_wrong_matrix_value_is_told_once_with_its_place_and_its_first_case(complaints) -> None:
    found = complaints("matrix:\n  attack.epsilon: [0.1, 0.2]\n  attack.norm: [l2, l3]\n")
    valid = "Valid: linf, l2, l1."
    assert found == [
        f"3:21: attack.norm: 'l3' is not a norm. Did you mean 'l2'? {valid} (In case test[epsilon=0.1,norm=l3].)"
    ]


def test_excluded_points_are_left_out(read) -> None:
    matrix = "matrix: {attack.norm: [linf, l2, l1], attack.epsilon: [0.1, 8/255]}\n"
    cases = read(matrix + "exclude: [{attack.norm: [l1, l2], attack.epsilon: 8/255}, {attack.norm: l1}]\n")
    assert [case.id for case in cases] == [
        "test[epsilon=0.1,norm=linf]",
        "test[epsilon=8/255,norm=linf]",
        "test[epsilon=0.1,norm=l2]",
    ]
    assert read(matrix + "exclude: [{attack.epsilon: 0.1}]\n") == read(matrix + "exclude: [{attack.epsilon: 1/10}]\n")


@pytest.mark.parametrize(
    ("excluded", "message"),
    [
        (
            "{attack.norm: l1}",
            "2:11: exclude[0]: there is no such point in the matrix. Compare the values, or remove it.",
        ),
        ("{data.batch: 3}", "2:12: exclude[0].data.batch: is not in the matrix. Valid: attack.norm."),
        ("{attack.norm: [linf, l2]}", "2:10: exclude: nothing is left of the matrix. Exclude less."),
        ("{attack.norm: l5}", "2:25: exclude[0].attack.norm: 'l5' is not a norm."),
        ("{}", "2:11: exclude[0]: expected a mapping of dotted setting to value, got an empty mapping."),
    ],
)
def test_an_exclusion_that_excludes_nothing_or_all_is_a_mistake(complaints, excluded: str, message: str) -> None:
    (found,) = complaints(f"matrix: {{attack.norm: [linf, l2]}}\nexclude: [{excluded}]\n")
    assert found.startswith(message)


def test_excluded_points_need_not_be_valid(read) -> None:
    text = "model: {layers: [{dense: 10}]}\nmatrix: {data.source: [digits, iris]}\nexclude: [{data.source: iris}]\n"
    assert [case.id for case in read(text)] == ["test[source=digits]"]


def test_a_matrix_has_a_largest_size_and_is_refused_before_it_is_multiplied_out(read, complaints) -> None:
    seeds = list(range(100))
    text = f"matrix: {{data.seed: {seeds}, model.init.seed: {seeds}, data.batch: %s}}\n"
    assert len(read(text % "[8]")) == MOST_CASES
    (found,) = complaints(text % [*range(1, 101)])
    assert found == "1:9: matrix: expected at most 10000 combinations, got 1000000. Leave out some values."


@pytest.mark.parametrize("values", ["[0.1, 1/10]", "[l2, l2]", "[1, 1.0]"])
def test_two_points_with_the_same_settings_are_a_mistake(complaints, values: str) -> None:
    setting = "attack.norm" if "l2" in values else "attack.epsilon"
    (found,) = complaints(f"matrix: {{{setting}: {values}}}\n")
    assert "has the same settings as test[" in found
    assert found.startswith(f"1:{12 + len(setting) + values.index(',') + 2}: matrix.{setting}: ")


def test_a_setting_and_its_part_cannot_both_vary(complaints) -> None:
    found = complaints("matrix: {model.init: [{seed: 1}], model.init.scale: [2]}\n")
    message = "matrix.model.init.scale: is part of model.init, which the matrix varies too. Vary one of the two."
    assert found == [f"1:35: {message}"]


def test_cases_are_plain_data(read) -> None:
    for case in read("matrix: {attack.clip: [[0, 1], [null, null]], attack.labels: [given, {target: 3}]}\n"):
        assert json.loads(canonical_json(plain(case)))["id"] == case.id


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("8/255", "8/255"),
        (0.1, "0.1"),
        (1.0, "1"),
        (1e-9, "1e-9"),
        (64, "64"),
        ([0, 1], "0..1"),
        ([None, 0.5], "none..0.5"),
        ({"target": 3}, "target:3"),
        ([{"dense": 10}, "relu"], "dense:10+relu"),
        ("models/a.keras", "models/a.keras"),
        ("my model", "@79b4c3b1"),
        ("a,b", "@4f5a0b3a"),
        ("$(rm)", "@d37e9c0b"),
        (list(range(30)), "@e7a1cf35"),
    ],
)
def test_values_in_ids_are_short_and_mean_nothing_to_a_shell(value: object, shown: str) -> None:
    assert word(value)[0] == shown[0]
    if shown[0] == "@":
        assert len(word(value)) == 9
    else:
        assert word(value) == shown


def test_ids_do_not_depend_on_the_order_of_the_matrix_and_keep_names_apart() -> None:
    point = {"model.init.seed": 1, "data.seed": 2, "attack.norm": "l1"}
    assert case_id("a", point) == case_id("a", dict(reversed(point.items())))
    assert case_id("a", point) == "a[norm=l1,data.seed=2,model.init.seed=1]"
