"""What scenarios are checked against is what the data are."""

from __future__ import annotations

import pytest

from harness.scenario.data import load_split
from harness.scenario.facts import SHIPPED, split_size


@pytest.mark.parametrize("name", SHIPPED)
def test_facts_of_the_shipped_data(name: str) -> None:
    facts = SHIPPED[name]
    for split in ("train", "test", "all"):
        examples = load_split({"source": name}, split)
        assert len(examples.x) == split_size(facts.examples, split)
        assert examples.x.shape[1:] == facts.shape
        assert examples.classes == facts.classes
        assert set(examples.labels) <= set(range(facts.classes))
