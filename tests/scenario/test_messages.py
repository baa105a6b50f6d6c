"""What is wrong in a scenario: each message has line, column, setting, what was expected, what came, how to mend it."""

from __future__ import annotations

import pytest

LAYERS = "dense, conv, max_pool, pool, average_pool, dropout, rescale, flatten, batchnorm, relu, tanh, sigmoid, elu,"
SUBJECTS = "nsl, cleverhans-v4, cleverhans-v3, reference-nsl, reference-cleverhans, reference-float64"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "model: {layers: [{conv: {filters: 1, kernel: 9, padding: valid}}, {dense: 10}]}",
            "1:18: model.layers[0]: a window of 9x9 does not fit into images of 8x8. Make it smaller.",
        ),
        (
            "attack: {feature_mask: [[[[1]]]]}",
            "1:24: attack.feature_mask: expected a shape that broadcasts to 8x8x1, one",
        ),
        ("matrix: {data.path: [a]}", "1:22: data.path: goes with source npz, not with digits. Remove it."),
        ("attack: {norm: l3}", "1:16: attack.norm: 'l3' is not a norm. Did you mean 'l2'? Valid: linf, l2, l1."),
        ("attack: {norm: inf}", "1:16: attack.norm: 'inf' is not a norm. Did you mean 'linf'? Valid: linf, l2, l1."),
        ("attack: {norm: 2}", "1:16: attack.norm: the number 2 is not a norm. Did you mean 'l2'? Valid: linf, l2, l1."),
        ("attack: {norm: null}", "1:16: attack.norm: nothing (null) is not a norm. Valid: linf, l2, l1."),
        (
            "attack: {nrom: l2}",
            "1:10: attack.nrom: is not a key here. Did you mean 'norm'? Valid: epsilon, norm, labels,",
        ),
        (
            "attack: [l2]",
            "1:9: attack: expected a mapping with the keys epsilon, norm, labels, clip, loss, loss_reduction",
        ),
        (
            "attack: {epsilon: -0.1}",
            "1:19: attack.epsilon: expected a finite number of at least 0 or a fraction such as 8/255, "
            "got the number -0.1.",
        ),
        ("attack: {epsilon: .nan}", "1:19: attack.epsilon: expected a finite number of at least 0 or a fraction"),
        ("attack: {epsilon: .inf}", "1:19: attack.epsilon: expected a finite number of at least 0 or a fraction"),
        ("attack: {epsilon: '0.1'}", "1:19: attack.epsilon: expected a finite number of at least 0 or a fraction"),
        ("attack: {epsilon: true}", "1:19: attack.epsilon: expected a finite number of at least 0 or a fraction"),
        ("attack: {epsilon: 8/0}", "1:19: attack.epsilon: the fraction 8/0 divides by zero."),
        (f"attack: {{epsilon: 1{'0' * 399}}}", "1:19: attack.epsilon: expected a finite number of at least 0"),
        (
            "attack: {labels: true}",
            "1:18: attack.labels: true names no labels. Valid: given, predicted, {target: CLASS}.",
        ),
        ("attack: {labels: guessed}", "1:18: attack.labels: 'guessed' names no labels. Valid: given, predicted,"),
        (
            "attack: {labels: {target: 10}}",
            "1:27: attack.labels.target: there is no class 10: digits has the classes 0 to",
        ),
        ("attack: {labels: {target: -1}}", "1:27: attack.labels.target: expected a whole number, from 0 to 65535, got"),
        ("attack: {labels: {target: 1, class: 1}}", "1:30: attack.labels.class: is not a key here. Valid: target."),
        ("attack: {clip: [1, 0]}", "1:16: attack.clip: expected the lowest value first, got [1, 0]."),
        ("attack: {clip: [0, 0]}", "1:16: attack.clip: expected the lowest value first, got [0, 0]."),
        ("attack: {clip: 1}", "1:16: attack.clip: expected [lowest, highest], either of which may be null, got the"),
        (
            "attack: {clip: null}",
            "1:16: attack.clip: expected [lowest, highest], either of which may be null, got nothing",
        ),
        ("attack: {clip: [0, x]}", "1:20: attack.clip[1]: expected a finite number, got the text 'x'."),
        ("attack: {clip: [.nan, 1]}", "1:17: attack.clip[0]: expected a finite number, got the number nan."),
        ("attack: {loss: mse}", "1:16: attack.loss: 'mse' is not a loss. Valid: cross_entropy."),
        (
            "attack: {loss_reduction: avg}",
            "1:26: attack.loss_reduction: 'avg' is not a reduction. Valid: mean, sum, none.",
        ),
        ("attack: {dtype: float16}", "1:17: attack.dtype: 'float16' is not a dtype. Did you mean 'float64'?"),
        ("attack: {feature_mask: 1}", "1:24: attack.feature_mask: expected a list of numbers, got the number 1."),
        ("attack: {feature_mask: []}", "1:24: attack.feature_mask: expected numbers, got an empty list."),
        (
            "attack: {feature_mask: [[0, 1], [1]]}",
            "1:33: attack.feature_mask[1]: expected 2 numbers like the first one, got 1 numbers.",
        ),
        (
            "attack: {feature_mask: [[0, 1.5]]}",
            "1:29: attack.feature_mask[0][1]: expected a finite number from 0 to 1, got",
        ),
        (
            "attack: {feature_mask: [1, 0, 1]}",
            "1:24: attack.feature_mask: expected a shape that broadcasts to 8x8x1, one",
        ),
        (
            "attack: {feature_mask: {a: [1]}}",
            "1:24: attack.feature_mask: expected nested lists, because data.inputs is not",
        ),
        (
            "data: {source: digit}",
            "1:16: data.source: 'digit' is not a data source. Did you mean 'digits'? Valid: digits,",
        ),
        ("data: {batch: 3}", "1:7: data.source: is missing. digits: 8x8 images of 10 classes"),
        (
            "data: {source: digits, batch: 0}",
            "1:31: data.batch: expected a whole number, at least 1, got the number 0.",
        ),
        (
            "data: {source: digits, batch: 1.0}",
            "1:31: data.batch: expected a whole number, at least 1, got the number 1.0.",
        ),
        ("data: {source: digits, batch: true}", "1:31: data.batch: expected a whole number, at least 1, got true."),
        ("data: {source: digits, batch: 600}", "1:31: data.batch: expected at most 599, the size of the test split of"),
        (
            "data: {source: digits, split: train, batch: 1199}",
            "1:45: data.batch: expected at most 1198, the size of the train split of digits, got 1199.",
        ),
        ("data: {source: digits, split: dev}", "1:31: data.split: 'dev' is not a split. Valid: test, train, all."),
        ("data: {source: digits, path: x.npz}", "1:24: data.path: goes with source npz, not with digits. Remove it."),
        (
            "data: {source: digits, inputs: {a: 63}}",
            "1:32: data.inputs: expected widths that add up to the 64 features of",
        ),
        (
            "data: {source: digits, inputs: {a: 0, b: 64}}",
            "1:36: data.inputs.a: expected a whole number, at least 1, got",
        ),
        (
            "data: {source: digits, inputs: {}}",
            "1:32: data.inputs: expected a mapping of input name to width, got an empty",
        ),
        ("data: {source: digits, seed: -1}", "1:30: data.seed: expected a whole number, from 0 to 4294967295, got the"),
        ("data: {source: inline, x: [[1, 2]]}", "1:7: data.y: is missing. Source inline: the class of each example."),
        (
            "data: {source: inline, x: [[1, 2], [3, 4]], y: [0]}",
            "1:48: data.y: expected a class for each of the 2 examples in x, got 1.",
        ),
        (
            "data: {source: inline, x: [[1, 2], [3]], y: [0, 1]}",
            "1:36: data.x[1]: expected 2 numbers like the first one, got 1 numbers.",
        ),
        (
            "data: {source: inline, x: [[1, .nan]], y: [0]}",
            "1:32: data.x[0][1]: expected a finite number, got the number nan.",
        ),
        ("data: {source: inline, x: [1, 2], y: [0, 1]}", "1:27: data.x: expected a list of examples, each a list of"),
        ("data: {source: inline, x: [], y: [0]}", "1:27: data.x: expected numbers, got an empty list."),
        (
            "data: {source: inline, x: [[1]], y: [-1]}",
            "1:38: data.y[0]: expected a whole number, from 0 to 65535, got the",
        ),
        (
            "data: {source: inline, x: [[1], [2]], y: [0, 2], classes: 2}\nmodel: {layers: [{dense: 2}]}",
            "1:46: data.y[1]: there is no class 2: data.classes says there are 2, 0 to 1.",
        ),
        (
            "data: {source: inline, x: [[1]], y: [0], batch: 1}",
            "1:42: data.batch: goes with source digits or iris or wine",
        ),
        (
            "model: {layers: []}",
            "1:17: model.layers: expected a list of layers, e.g. [{dense: 64}, relu, {dense: 10}], got",
        ),
        (
            "model: {layers: [rulu]}",
            f"1:18: model.layers[0]: 'rulu' is not a layer. Did you mean 'relu'? Valid: {LAYERS} softplus.",
        ),
        (
            "model: {layers: [dense]}",
            "1:18: model.layers[0]: 'dense' needs a value, as in {dense: 64}: Fully connected",
        ),
        (
            "model: {layers: [3]}",
            "1:18: model.layers[0]: expected a layer, e.g. relu or {dense: 64}, got the number 3.",
        ),
        (
            "model: {layers: [{dense: 0}]}",
            "1:26: model.layers[0].dense.units: expected a whole number, from 1 to 65536",
        ),
        (
            "model: {layers: [{conv: {}}]}",
            "1:25: model.layers[0].conv.filters: is missing. The number of output channels.",
        ),
        (
            "model: {layers: [{conv: {filters: 1, kernal: 3}}]}",
            "1:38: model.layers[0].conv.kernal: is not a key here. Did",
        ),
        (
            "model: {layers: [{dropout: 1}]}",
            "1:28: model.layers[0].dropout.rate: expected a finite number, at least 0, below",
        ),
        (
            "model: {layers: [{dense: 1, relu: {}}]}",
            "1:18: model.layers[0]: expected exactly one of dense, conv, max_pool",
        ),
        (
            "model: {layers: [{dens: 10}]}",
            "1:19: model.layers[0].dens: is not a key here. Did you mean 'dense'? Valid: dense",
        ),
        (
            "model: {layers: [{dense: 9}]}",
            "1:18: model.layers[0]: expected 10 outputs, one for each class of digits, got 9. ",
        ),
        (
            "model: {layers: [{dense: 9}, relu]}",
            "1:30: model.layers[1]: expected 10 outputs, one for each class of digits,",
        ),
        (
            "model: {layers: [{conv: 10}]}",
            "1:18: model.layers[0]: expected 10 outputs, one for each class of digits, got",
        ),
        (
            "model: {layers: [{conv: 1}, {pool: 9}]}",
            "1:29: model.layers[1]: a window of 9x9 does not fit into images of 8x8.",
        ),
        (
            "model: {layers: [flatten, {conv: 1}]}",
            "1:27: model.layers[1]: conv expects images of shape (height, width, channels), got 64.",
        ),
        ("model: {output: logits}", "1:8: model: expected exactly one of layers, keras, factory, got none of them."),
        (
            "model: {layers: [{dense: 10}], keras: a}",
            "1:8: model: expected exactly one of layers, keras, factory, got layers",
        ),
        ("model: {layers: [{dense: 10}], output: logit}", "1:40: model.output: 'logit' is not an output. Did you mean"),
        (
            "model: {layers: [{dense: 10}], init: {scheme: he}}",
            "1:47: model.init.scheme: 'he' is not an initialisation scheme.",
        ),
        (
            "model: {layers: [{dense: 10}], init: {scale: .inf}}",
            "1:46: model.init.scale: expected a finite number, got the",
        ),
        (
            "model: {layers: [{dense: 10}], pretrain: {optimizer: {adam: 0.1}}}",
            "1:42: model.pretrain.epochs: is missing. How often every example is seen.",
        ),
        (
            "model: {layers: [{dense: 10}], pretrain: {epochs: 1, optimizer: adam}}",
            "1:65: model.pretrain.optimizer: expected a mapping with the keys adam, sgd, got the text 'adam'.",
        ),
        (
            "model: {layers: [{dense: 10}], pretrain: {epochs: 1, optimizer: {adam: 0}}}",
            "1:72: model.pretrain.optimizer.adam: expected a finite number, above 0, got the number 0.",
        ),
        (
            "kind: losses",
            "1:7: kind: 'losses' is not a kind. Did you mean 'loss'? Valid: perturbation, loss, training.",
        ),
        ("tags: smoke", "1:7: tags: expected a list of words, got the text 'smoke'."),
        ("tags: [a b]", "1:8: tags[0]: expected a word of letters, digits, '-', '_' and '.', got the text 'a b'."),
        ("tags: [a, a]", "1:11: tags[1]: 'a' stands twice. Remove one of them."),
        ("subjects: [nsl]", "1:11: subjects: expected a list of at least two subjects, got a list of 1."),
        (
            "subjects: [nsl, cleverhans]",
            f"1:17: subjects[1]: 'cleverhans' is not a subject. Did you mean 'cleverhans-v4'? Valid: {SUBJECTS}.",
        ),
        ("subjects: [nsl, nsl]", "1:17: subjects[1]: 'nsl' stands twice. Remove one of them."),
        (
            "matrix: {attack.nrom: [l2]}",
            "1:10: matrix.attack.nrom: there is no such setting. Did you mean 'attack.norm'?",
        ),
        (
            "matrix: {norm: [l2]}",
            "1:10: matrix.norm: there is no such setting. Did you mean 'attack.norm'? Valid: model.layers,",
        ),
        (
            "matrix: {attack.norm: []}",
            "1:23: matrix.attack.norm: expected a list of at least one value, got an empty list.",
        ),
        (
            "matrix: {attack.norm: l2}",
            "1:23: matrix.attack.norm: expected a list of at least one value, got the text 'l2'.",
        ),
        (
            "matrix: [attack.norm]",
            "1:9: matrix: expected a mapping of dotted setting to a list of values, got a list of 1.",
        ),
        ("exclude: [{attack.norm: l2}]", "1:10: exclude: there is no matrix to exclude points of. Remove it."),
    ],
)
def test_each_mistake_is_explained_where_it_stands(complaints, text: str, message: str) -> None:
    (found,) = complaints(text + "\n")
    assert found.startswith(message)


def test_missing_keys(complaints) -> None:
    assert [message.split(". ")[0] for message in complaints("tags: []\n", whole=True)] == [
        "1:1: summary: is missing",
        "1:1: kind: is missing",
        "1:1: data.source: is missing",
        "1:1: model: expected exactly one of layers, keras, factory, got none of them.",
    ]


def test_all_mistakes_of_a_file_at_once_by_line(complaints) -> None:
    found = complaints(
        "sumary: x\n"
        "model:\n"
        "  layers: [{dense: 64}, rulu]\n"
        "  output: logit\n"
        "data: {source: digits, batch: 0}\n"
        "attack: {norm: l3, eps: 1}\n"
        "subjects: [nsl, foo]\n"
        "matrix: {attack.nrom: [l2], attack.epsilon: [-1]}\n"
        "expect:\n"
        "  - {pair: [nsl, foo], verdict: EQAL, because: x}\n",
        whole=True,
    )
    assert [message.split(": ")[0] for message in found] == [
        *("1:1", "1:1", "1:1", "3:25", "4:11", "5:31", "6:16", "6:20", "7:17", "8:10", "8:46", "10:18", "10:33"),
    ]


def test_names_that_cannot_stand_in_an_id(complaints) -> None:
    (found,) = complaints(name="a b", whole=False)
    assert "'a b' cannot name a scenario. Rename the file" in found


def test_a_value_cannot_break_the_line_or_speak_to_the_terminal(complaints) -> None:
    found = complaints('attack: {norm: "l\\n2\\e[31m", "a\\nb": 1}\n')
    assert [message.split(" is not")[0] for message in found] == [
        r"1:16: attack.norm: 'l 2\x1b[31m'",
        "1:30: attack.a b:",
    ]


def test_a_long_value_is_shortened(complaints) -> None:
    (found,) = complaints(f"tags: {'x' * 5000}\n")
    assert len(found) < 200
