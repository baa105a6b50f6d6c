"""The store keeps what it is given, whole or not at all, and notices damage."""

import errno
import os

import numpy as np
import pytest

from harness.engine import store as store_module
from harness.engine.store import Store, write_atomically
from harness.vocabulary import HarnessError


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_equal_arrays_have_equal_hashes_and_come_back(store):
    arrays = {"b": np.arange(6.0).reshape(2, 3), "a/x": np.float32([np.nan, -0.0])}
    digest = store.put_arrays(arrays)
    assert digest == store.put_arrays(dict(reversed(arrays.items())))
    assert digest != store.put_arrays({**arrays, "b": arrays["b"] + 1})
    back = store.get_arrays(digest)
    assert {name: (array.dtype, array.tobytes()) for name, array in back.items()} == {
        name: (array.dtype, array.tobytes()) for name, array in arrays.items()
    }


def test_a_record_comes_back_and_one_that_is_not_there_does_not(store):
    store.put_record("outcome", "abc", {"status": "ok", "arrays": ""})
    assert store.get_record("outcome", "abc") == {"status": "ok", "arrays": ""}
    assert store.get_record("outcome", "abd") is None


@pytest.mark.parametrize("damage", [b"", b"{", b'{"record": 1}', None])
def test_a_damaged_record_is_none(store, tmp_path, damage):
    store.put_record("outcome", "abc", {"seconds": 1.5, "arrays": ""})
    (path,) = (tmp_path / "outcome").rglob("*.json")
    path.write_bytes(path.read_bytes().replace(b"1.5", b"2.5") if damage is None else damage)
    assert store.get_record("outcome", "abc") is None


def test_a_record_with_damaged_arrays_is_none_and_they_can_be_put_again(store):
    arrays = {"x": np.arange(100.0)}
    digest = store.put_arrays(arrays)
    store.put_record("outcome", "abc", {"arrays": digest})
    content = bytearray(store.path_of(digest).read_bytes())
    content[400] ^= 1
    store.path_of(digest).write_bytes(content)
    with pytest.raises(KeyError):
        store.get_arrays(digest)
    assert store.put_arrays(arrays) == digest  # a run that takes nothing from the store finds the damage here
    assert store.get_record("outcome", "abc") is not None
    assert store.damaged == []
    store.path_of(digest).write_bytes(content)
    store.put_record("outcome", "abd", {"arrays": digest})
    assert store.get_record("outcome", "abc") is None
    assert store.get_record("outcome", "abd") is None
    assert store.damaged == [store.path_of(digest)]  # once
    assert store.put_arrays(arrays) == digest
    assert store.get_record("outcome", "abc") is not None


def test_what_a_writer_left_half_written_is_swept_once_it_is_old(store, tmp_path):
    store.put_record("outcome", "abc", {"arrays": ""})
    (tmp_path / "arrays").mkdir()
    fresh, old = tmp_path / "arrays" / ".fresh.tmp", tmp_path / "arrays" / ".old.tmp"
    for path in (fresh, old):
        path.touch()
    os.utime(old, (0, 0))
    store.sweep()
    assert (fresh.exists(), old.exists()) == (True, False)
    assert store.get_record("outcome", "abc") == {"arrays": ""}


def test_arrays_that_need_pickle_are_refused(store):
    with pytest.raises(ValueError, match="arrays of objects"):
        store.put_arrays({"x": np.array([{"code": 1}], dtype=object)})


def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    write_atomically(path, b"old")

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_module.os, "replace", full)
    with pytest.raises(HarnessError, match="No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
