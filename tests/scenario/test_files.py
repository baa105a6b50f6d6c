"""Files and code that a scenario names: found, checked, and kept inside its folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from harness.scenario.complaints import ScenarioError

from .conftest import save_model

NPZ = "data: {source: npz, path: d.npz}\nmodel: {layers: [{dense: 3}]}\n"


def save(tmp_path: Path, **arrays: object) -> None:
    np.savez(tmp_path / "d.npz", **{name: np.asarray(array) for name, array in arrays.items()})


def test_an_npz_file_of_data(read, tmp_path) -> None:
    save(tmp_path, x=np.zeros((5, 4), np.float16), y=np.array([0, 1, 2, 0, 1], np.uint8))
    (case,) = read(NPZ)
    assert case.data == {
        **{"source": "npz", "split": "all", "seed": 0, "batch": 5, "classes": 3},
        "path": str(tmp_path / "d.npz"),
    }


X, Y = np.zeros((5, 4)), np.arange(5) % 3


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X}, "has no array 'y', only x. Save it with np.savez(path, x=..., y=...)."),
        ({"x": X, "y": Y[:4]}, "expected as many classes in y as examples in x, got 4 and 5."),
        ({"x": X, "y": Y.astype(float)}, "expected y as integers of shape (examples,), got float64 of shape (5,)."),
        (
            {"x": X, "y": np.eye(5, dtype=int)},
            "expected y as integers of shape (examples,), got int64 of shape (5, 5).",
        ),
        ({"x": X[:, 0], "y": Y}, "expected x as numbers of shape (examples, ...), got float64 of shape (5,)."),
        ({"x": X > 0, "y": Y}, "expected x as numbers of shape (examples, ...), got bool of shape (5, 4)."),
        ({"x": X[:0], "y": Y[:0]}, "expected at least one example, got x of shape (0, 4)."),
        ({"x": X[:, :0], "y": Y}, "expected at least one example, got x of shape (5, 0)."),
        (
            {"x": np.where(np.arange(20).reshape(5, 4) % 9 == 8, np.nan, 0), "y": Y},
            "expected finite numbers, got 2 that are not, the first at x[2, 0]: nan.",
        ),
        ({"x": X - np.inf, "y": Y}, "expected finite numbers, got 20 that are not, the first at x[0, 0]: -inf."),
        ({"x": X, "y": Y - 1}, "expected classes of at least 0, got -1 at y[0]."),
        (
            {"x": X.astype(object), "y": Y},
            "cannot be read: Object arrays cannot be loaded when allow_pickle=False. Save",
        ),
    ],
)
def test_npz_files_that_are_no_data(complaints, tmp_path, arrays: dict, message: str) -> None:
    save(tmp_path, **arrays)
    (found,) = complaints(NPZ)
    assert found.startswith(f"1:27: data.path: 'd.npz' {message}")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 but damaged"])
def test_what_is_no_npz_file(complaints, tmp_path, content: bytes) -> None:
    (tmp_path / "d.npz").write_bytes(content)
    (found,) = complaints(NPZ)
    assert found == "1:27: data.path: 'd.npz' is not an .npz file. Save it with np.savez(path, x=..., y=...)."


def test_damage_anywhere_in_an_npz_file_is_at_most_a_mistake(read, tmp_path) -> None:
    save(tmp_path, x=np.random.default_rng(0).normal(size=(5, 4)), y=Y)
    whole = (tmp_path / "d.npz").read_bytes()
    for position in range(0, len(whole), 7):
        (tmp_path / "d.npz").write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        with contextlib.suppress(ScenarioError):  # anything else that it raises is a failure
            read(NPZ)


def test_a_model_must_know_the_classes_of_the_data(complaints, tmp_path) -> None:
    save(tmp_path, x=X, y=Y + 1)
    (found,) = complaints(NPZ)
    assert found.startswith("2:18: model.layers[0]: expected 4 outputs, one for each class of npz, got 3. End with")


@pytest.mark.parametrize(
    ("text", "place", "path"),
    [
        ("data: {source: npz, path: %s}\nmodel: {keras: m.keras}\n", "1:27: data.path", "none.npz"),
        ("model: {keras: %s}\n", "1:16: model.keras", "sub/none.keras"),
        ("model: {layers: [{dense: 10}], weights: %s}\n", "1:41: model.weights", "none.npz"),
    ],
)
def test_files_that_are_missing_or_lie_outside(complaints, read, tmp_path, text: str, place: str, path: str) -> None:
    save_model(tmp_path / "m.keras")
    (found,) = complaints(text % path)
    assert found.startswith(f"{place}: there is no file '{path}' (paths start at the scenario file's folder, ")
    for outside in ("../x", "/etc/hostname", "sub/../../x"):
        (found,) = complaints(text % outside)
        problem = f"{place}: '{outside}' lies outside of the scenario's folder. "
        assert found == f"{problem}Move it there, or allow it with --allow-outside."
    (found,) = complaints(text % "../x", outside=True)
    assert found.startswith(f"{place}: there is no file '../x'")
    (found,) = complaints(text % f"'{'y' * 5000}'")
    assert found.startswith(f"{place}: ")


def test_a_link_does_not_lead_outside(complaints, read, tmp_path, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "m.keras"
    save_model(elsewhere)
    (tmp_path / "m.keras").symlink_to(elsewhere)
    assert "lies outside" in complaints("model: {keras: m.keras}\n")[0]
    (case,) = read("model: {keras: m.keras}\n", outside=True)
    assert case.model == {"keras": str(elsewhere), "output": "logits"}


def test_weights_take_the_place_of_init(read, complaints, tmp_path) -> None:
    save(tmp_path, a=X)
    (case,) = read("model: {layers: [{dense: 10}], weights: d.npz}\n")
    assert "init" not in case.model
    assert case.model["weights"] == str(tmp_path / "d.npz")
    (found,) = complaints("model: {layers: [{dense: 10}], weights: d.npz, init: {seed: 1}}\n")
    assert found == "1:48: model.init: does not go with model.weights. Remove one of the two."


@pytest.mark.parametrize("key", ["init: {seed: 1}", "weights: d.npz"])
def test_init_and_weights_go_with_layers_only(complaints, tmp_path, key: str) -> None:
    save(tmp_path, a=X)
    save_model(tmp_path / "m.keras")
    (found,) = complaints(f"model: {{keras: m.keras, {key}}}\n")
    assert found == f"1:25: model.{key.split(':')[0]}: does not go with model.keras. Remove one of the two."


def test_a_factory_is_called_only_if_that_is_allowed(read, complaints) -> None:
    (found,) = complaints("model: {factory: 'my.models:small'}\n")
    problem = "1:18: model.factory: the function my.models:small would be run. "
    assert found == f"{problem}Allow it with --allow-code if you trust this file."
    (case,) = read("model: {factory: 'my.models:small', output: probabilities}\n", code=True)
    assert case.model == {"factory": "my.models:small", "output": "probabilities"}
    assert "expected a function as package.module:function" in complaints("model: {factory: os.system}\n", code=True)[0]
