"""Shares of a selection: everything once, models together, about equal, the same in any order."""

import random
from collections import Counter

import pytest

from harness.engine.shards import Shard, parse_shard, take_shard
from harness.vocabulary import HarnessError


@pytest.fixture(scope="module")
def cases(make_case):
    """Three scenarios: of five models with four cases each, of one model with forty cases, of three long trainings."""
    declared = make_case().model

    def model(seed):
        return {**declared, "init": {**declared["init"], "seed": seed}}

    training = {"steps": 100, "seeds": 2, "weighting": {"clean": 1.0, "adversarial": 1.0}}
    return [
        *(make_case(f"models[{s},{n}]", scenario="models", model=model(s)) for s in range(5) for n in range(4)),
        *(make_case(f"one[{n}]", scenario="one", model=model(7)) for n in range(40)),
        *(make_case(f"long[{n}]", scenario="long", kind="training", model=model(n), training=training) for n in (8, 9)),
    ]


def shares(cases, of):
    return [take_shard(cases, Shard(index, of))[0] for index in range(1, of + 1)]


@pytest.mark.parametrize("of", [1, 2, 3, 4, 7])
def test_every_case_is_in_one_shard_whatever_the_order_and_shards_are_about_equal(cases, of):
    split = shares(cases, of)
    assert Counter(case.id for share in split for case in share) == Counter(case.id for case in cases)
    shuffled = list(cases)
    random.Random(of).shuffle(shuffled)
    assert [{case.id for case in one} for one in shares(shuffled, of)] == [{case.id for case in one} for one in split]
    # A training of 200 steps takes as long as twenty attacks: a hundred attacks in all.
    loads = [sum(20 if case.kind == "training" else 1 for case in share) for share in split]
    assert sum(loads) == 100
    assert max(loads) <= max(20, 100 / of + 4)  # what stays together has four


def test_cases_of_one_model_stay_together_unless_they_are_more_than_a_share(cases):
    split = shares(cases, 3)
    places = {case.id: number for number, share in enumerate(split) for case in share}
    for seed in range(5):
        assert len({places[f"models[{seed},{n}]"] for n in range(4)}) == 1
    assert len({places[f"one[{n}]"] for n in range(40)}) > 1  # of the hundred a share is 33
    assert len({places[f"one[{n}]"] for n in range(8)}) <= 2


def test_a_shard_keeps_the_order_and_says_where_it_belongs(cases):
    share, described = take_shard(cases, Shard(2, 3))
    assert [cases[position] for position in described["positions"].values()] == share
    assert list(described["positions"]) == [case.id for case in share]
    assert (described["index"], described["of"], described["cases"]) == (2, 3, len(cases))
    assert described["selection"] == take_shard(cases, Shard(1, 3))[1]["selection"]
    assert described["selection"] != take_shard(cases[1:], Shard(2, 3))[1]["selection"]


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "-1/3", "1/0", "a/b", "1/3/5", "1.0/3", "1 / 3", "²/3"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(HarnessError, match="expected I/N with I from 1 to N") as refused:
        parse_shard(text)
    assert repr(text)[1:-1] in str(refused.value)


def test_more_shards_than_cases_are_refused(make_case):
    with pytest.raises(HarnessError, match="2 selected cases cannot be shared among 3, and this shard would have none"):
        take_shard([make_case("a"), make_case("b")], Shard(3, 3))
    assert parse_shard("3/3") == Shard(3, 3)
