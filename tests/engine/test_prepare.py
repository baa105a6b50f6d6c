"""Problems of kinds loss and training: the weights, the examples, and the order in which every subject gets them."""

import dataclasses

import numpy as np
import pytest

from harness.engine.plan import preparation_tasks
from harness.engine.prepare import draw_order, prepare_batch
from harness.engine.store import Store

COURSE = {"steps": 10, "batch_size": 30, "seeds": 3, "seed": 0}


def glorot(seed, *shapes):
    """Initial weights of dense layers of these shapes, as the documentation says that they are drawn."""
    generator, weights = np.random.default_rng(seed), []
    for shape in shapes:
        limit = np.sqrt(6 / sum(shape))
        kernel = (generator.uniform(-1, 1, shape) * limit).astype(np.float32)
        weights += [kernel, np.zeros(shape[1], np.float32)]
    return weights


def test_every_epoch_is_a_permutation_with_a_smaller_last_batch():
    order, sizes = draw_order(100, COURSE)
    assert sizes.tolist() == [30, 30, 30, 10, 30, 30, 30, 10, 30, 30]
    assert (order.dtype, order.shape) == (np.int32, (3, 260))
    epochs = [epoch for row in order for epoch in (row[:100], row[100:200])]
    assert all(sorted(epoch) == list(range(100)) for epoch in epochs)
    assert len({epoch.tobytes() for epoch in epochs}) == len(epochs)
    assert all(len(set(row[200:])) == 60 for row in order)  # an epoch that is not finished repeats nothing either


@pytest.mark.parametrize(
    ("examples", "batch_size", "sizes"), [(6, 3, [3] * 4), (5, 5, [5] * 4), (5, 9, [5] * 4), (3, 2, [2, 1, 2, 1])]
)
def test_batches_where_examples_fit_exactly_and_where_there_are_fewer(examples, batch_size, sizes):
    order, found = draw_order(examples, {**COURSE, "steps": 4, "batch_size": batch_size})
    assert found.tolist() == sizes
    assert order.shape == (3, sum(sizes))


def test_the_order_depends_on_both_seeds_and_nothing_else():
    order, _ = draw_order(100, COURSE)
    other, _ = draw_order(100, {**COURSE, "seed": 1})
    rows = [*order, *other]
    assert len({row.tobytes() for row in rows}) == len(rows)
    fewer, _ = draw_order(100, {**COURSE, "seeds": 2, "steps": 5})
    assert np.array_equal(fewer, order[:2, :130])


def prepared(case, tmp_path):
    record = prepare_batch(tmp_path, case)
    return record["arrays"], Store(tmp_path).get_arrays(record["arrays"])


def test_the_order_is_part_of_the_identity_and_the_subjects_are_not(make_training, tmp_path):
    digest, arrays = prepared(make_training(seeds=3), tmp_path)
    assert np.array_equal(arrays["order"], draw_order(100, COURSE)[0])
    assert prepared(make_training(seeds=3, seed=1), tmp_path)[0] != digest
    assert prepared(make_training(seeds=3, steps=9), tmp_path)[0] != digest
    alone = make_training(seeds=3, subjects=("nsl",))
    assert prepared(alone, tmp_path)[0] == digest
    assert [task.key for task in preparation_tasks([alone], tmp_path)] == [
        task.key for task in preparation_tasks([make_training(seeds=3)], tmp_path)
    ]


def test_it_trains_on_one_split_and_is_evaluated_on_the_other(make_training, make_step, tmp_path):
    _, arrays = prepared(make_training(), tmp_path)
    trained, held_out = arrays["input/x"], arrays["test/input/x"]
    assert (len(trained), len(arrays["labels"]), len(held_out), len(arrays["test/labels"])) == (100, 100, 50, 50)
    whole = {"source": "iris", "split": "all", "batch": 150, "seed": 0}
    _, everything = prepared(make_step(data=whole), tmp_path)
    assert sorted(map(tuple, [*trained, *held_out])) == sorted(map(tuple, everything["input/x"]))
    assert "order" not in everything


def test_own_data_is_all_there_is_for_both(make_training, tmp_path):
    own = {"source": "inline", "x": [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], "y": [0, 1, 1]}
    _, arrays = prepared(make_training(data=own, batch_size=2, steps=2), tmp_path)
    for name in ("input/x", "test/input/x"):
        assert arrays[name].tolist() == own["x"]
    assert arrays["labels"].tolist() == arrays["test/labels"].tolist() == own["y"]
    assert arrays["sizes"].tolist() == [2, 1]


def test_sample_weights_are_drawn_for_every_example(make_training, make_step, tmp_path):
    drawn = {"low": 0.5, "high": 2.0, "seed": 7}
    case = make_training()
    weighted = dataclasses.replace(case, training={**case.training, "sample_weights": drawn})
    _, arrays = prepared(weighted, tmp_path)
    expected = np.random.default_rng(7).uniform(0.5, 2.0, 100).astype(np.float32)
    assert arrays["sample_weights"].tobytes() == expected.tobytes()
    _, one_batch = prepared(make_step(training={"sample_weights": drawn}), tmp_path)
    assert one_batch["sample_weights"].shape == (12,)
    assert "sample_weights" not in prepared(case, tmp_path)[1]


def test_weights_of_each_seed_are_drawn_with_it(first, record_of):
    arrays = first.arrays(record_of("alike").identity["weights"])
    assert sorted(arrays) == [f"{seed:03d}/{place:03d}" for seed in range(3) for place in range(4)]
    for seed in range(3):
        for place, expected in enumerate(glorot(seed, (4, 8), (8, 3))):
            assert arrays[f"{seed:03d}/{place:03d}"].tobytes() == expected.tobytes()


def test_layers_before_the_perturbed_input_have_weights_and_gradients_of_their_own(first, record_of, arrays_of):
    arrays = first.arrays(record_of("before").identity["weights"])
    assert sorted(arrays) == ["000", "001", "002", "003", "before/000", "before/001"]
    assert arrays["before/000"].tobytes() == glorot(1, (4, 5))[0].tobytes()
    assert arrays["000"].tobytes() == glorot(0, (5, 8))[0].tobytes()
    for subject in ("cleverhans-v3", "reference-nsl"):
        gradients = {name: array for name, array in arrays_of("before", subject).items() if "gradient/" in name}
        assert [name for name in gradients if "before" in name] == [
            "gradient/before-00-kernel",
            "gradient/before-01-bias",
        ]
        assert gradients["gradient/before-00-kernel"].shape == (4, 5)
        assert np.abs(gradients["gradient/before-00-kernel"]).min() > 0
        assert gradients["gradient/00-kernel"].shape == (5, 8)


def test_every_subject_starts_from_the_same_bytes_and_sees_the_same_batches(first, record_of, arrays_of, network):
    record = record_of("alike")
    weights, data = first.arrays(record.identity["weights"]), first.arrays(record.identity["data"])
    start = np.concatenate([weights[f"000/{place:03d}"].ravel() for place in range(4)])
    for subject in record.case.subjects:
        arrays = arrays_of("alike", subject)
        assert arrays["trajectory"][0].tobytes() == start.tobytes()
        for seed in range(3):
            chosen = data["order"][seed, :30]
            own = network(np.concatenate([weights[f"{seed:03d}/{place:03d}"].ravel() for place in range(4)]))
            loss = own.loss(data["input/x"][chosen], data["labels"][chosen])
            assert arrays["clean_loss"][seed, 0] == pytest.approx(loss, rel=1e-5)
