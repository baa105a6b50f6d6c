"""What a store holds, and what goes first."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from harness.engine.store import Store
from harness.engine.store_care import bytes_of, look_into, prune, seconds_of
from harness.vocabulary import HarnessError

DAY = 86400.0


@pytest.fixture
def store(tmp_path):
    """Three outcomes, the first used four days ago, each with arrays of its own, and ``shared`` of the first two."""
    store = Store(tmp_path)
    shared = store.put_arrays({"x": np.zeros(1000)})
    for number in range(3):
        own = store.put_arrays({"x": np.full(1000, number + 1.0)})
        named = {"arrays": own, "further": [shared] if number < 2 else []}
        store.put_record("outcome", f"{number}" * 64, named)
        (path,) = tmp_path.glob(f"outcome/*/{number}*.json")
        os.utime(path, (time.time() - (4 - number) * DAY,) * 2)
    for path in tmp_path.glob("arrays/*"):
        os.utime(path, (time.time() - DAY,) * 2)
    return store


def left(store):
    """Which outcomes are there with everything that they name."""
    records = {name: store.get_record("outcome", name * 64) for name in "012"}
    return {
        name for name, record in records.items() if record and all(map(store.has_arrays, record["further"]))
    }  # fmt: skip


def test_least_recently_used_goes_first_and_nothing_that_a_record_names(store):
    size = look_into(store.root).size
    done = prune(store.root, keep=size - 1)
    assert (dict(done.records), done.arrays) == ({"outcome": 1}, 1)
    assert done.left == look_into(store.root).size < size
    assert left(store) == {"1", "2"}, "the shared arrays are named by the second, too"
    prune(store.root, older_than=2.5 * DAY)  # looking has just used them
    assert left(store) == {"1", "2"}
    done = prune(store.root, keep=0)
    assert (done.left, left(store)) == (0, set())


def test_use_makes_recent(store):
    assert store.get_record("outcome", "0" * 64)
    done = prune(store.root, older_than=2.5 * DAY)
    assert (done.records["outcome"], left(store)) == (1, {"0", "2"})


def test_arrays_without_a_record_go_once_no_run_can_still_be_about_to_write_it(store):
    for number, hours in ((50.0, 0), (51.0, 2)):
        path = store.path_of(store.put_arrays({"x": np.full(10, number)}))
        os.utime(path, (time.time() - hours * 3600,) * 2)
    assert len(look_into(store.root).unnamed) == 2
    assert prune(store.root, keep=1e9).arrays == 1
    assert len(look_into(store.root).unnamed) == 1
    assert left(store) == {"0", "1", "2"}


def test_what_a_run_that_goes_on_has_used_stays(store):
    script = f"""
import sys
from pathlib import Path
from harness.engine.store import Store
store = Store(Path({str(store.root)!r}))
store.hold()
store.get_record("outcome", "0" * 64)
print("holds", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True) as run:
        assert run.stdout.readline() == "holds\n"
        done = prune(store.root, keep=0)
        assert (done.runs, done.records["outcome"]) == (1, 2)
        assert done.left > done.wanted
        assert left(store) == {"0"}
        run.kill()
    assert prune(store.root, keep=0).left == 0, "a run that was killed holds nothing"


@pytest.mark.parametrize(
    ("text", "size"), [("10GB", 1e10), ("500 MB", 5e8), ("1.5GiB", 1.5 * 2**30), ("0B", 0), ("3kb", 3000)]
)
def test_sizes(text, size):
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["10", "GB", "10XB", "-1GB", "1e3MB", "ten GB", ""])
def test_a_bad_size_is_told(text):
    with pytest.raises(HarnessError, match=r"--keep: expected a size such as 10GB, 500 MB .* got"):
        bytes_of(text)


def test_times():
    assert (seconds_of("30d"), seconds_of("12 h")) == (30 * DAY, DAY / 2)
    with pytest.raises(HarnessError, match="--older-than: expected a time such as 30d"):
        seconds_of("30")
