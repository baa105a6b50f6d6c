"""The attacks against the bare compiled gradient: real calls, of a small model."""

import numpy as np
import pytest

from harness.bench.attack_calls import BARE
from harness.bench.attacks import check_same_examples, rows
from harness.bench.training_steps import Work
from harness.vocabulary import SUBJECTS, HarnessError

SMALL = Work("MLP", 4)


@pytest.mark.long
def test_the_attack_of_every_subject_is_measured_beside_the_bare_gradient():
    found = {row.name: row for row in rows(repetitions=2, works={SMALL: 3})}
    assert found.pop(f"{SMALL}: {BARE}").unit == "ms"
    assert set(found) == {f"{SMALL}: {subject} / {BARE}" for subject in SUBJECTS}
    assert all(len(row.values) == 2 and row.median > 0 for row in found.values())


def test_an_attack_that_returns_something_else_is_refused():
    same = np.zeros((100, 100))
    few, many = same.copy(), same.copy()
    few[0, :5] = 0.2  # signs that round-off decides
    many[0] = 0.2
    check_same_examples({BARE: same, "nsl": few})
    with pytest.raises(HarnessError, match=r"of nsl, 1\.0% are not those of"):
        check_same_examples({BARE: same, "nsl": many})
    with pytest.raises(HarnessError, match="100"):
        check_same_examples({BARE: same, "nsl": same * np.nan})
