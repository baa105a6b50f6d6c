"""A simulated run on a real cluster."""

import psutil
import pytest

from harness.bench.clustered import on_cluster
from harness.bench.simulated import STEP

pytest.importorskip("distributed", reason="needs the extra 'cluster'")


@pytest.mark.long
def test_a_simulated_run_on_a_cluster_is_whole_and_leaves_no_process():
    before = {one.pid for one in psutil.Process().children(recursive=True)}
    carried = on_cluster(STEP)
    assert {verdict: count for verdict, count in carried.stages.verdicts.items() if count} == {
        "EQUAL": STEP // 2,
        "CLOSE": STEP // 2,
    }
    assert carried.stages.seconds["computing"] > 0
    assert carried.seconds > 0.1  # the scheduler had something to carry
    assert carried.megabytes > 20
    assert carried.stages.traffic["messages"] >= 2 * STEP
    assert carried.stages.traffic["received"] > 500 * STEP
    assert {one.pid for one in psutil.Process().children(recursive=True)} <= before
