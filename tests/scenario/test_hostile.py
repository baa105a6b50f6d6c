"""Scenario files and the files they name, made to do harm: one message with its place, at once, and nothing is run."""

from __future__ import annotations

import contextlib
import io
import struct
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import main
from harness.scenario.complaints import ScenarioError
from harness.scenario.compose import MOST_VALUES
from harness.scenario.keras_file import KerasFileError, check_harmless
from harness.scenario.load import LARGEST_FILE, read_document

from .conftest import ATTACK, DATA, KIND, MODEL, SUMMARY, save_model

ORDINARY = SUMMARY + KIND + MODEL + DATA + ATTACK
CLEARS = "\x1b[2J\x1b]0;owned\x07"
"""What clears a terminal and sets its title."""


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 5  # a second or two, where nothing else has the processor


def ended(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr("sys.argv", ["harness", *arguments])
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    with pytest.raises(SystemExit) as status:
        main()
    return status.value.code


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", ORDINARY + "tags: !!python/object/apply:os.system [smoke]\n", "a.yaml:6:7: the tag tag:yaml.org,"),
        ("a.yaml", ORDINARY.encode("utf-16-le"), "a.yaml:1:2: is not a plain YAML document: the character"),
        ("a.yaml", ORDINARY.encode("utf-32"), "a.yaml:1:1: is not UTF-8 text: byte 0xff."),
        ("a.yaml", (SUMMARY + "# é").encode("latin-1"), "a.yaml:2:3: is not UTF-8 text: byte 0xe9."),
        ("a.yaml", ORDINARY.replace("A test.", "A \x1b[2J."), "a.yaml:1:12: is not a plain YAML document: the char"),
        ("a.yaml", ORDINARY + "<script>: 1\n", "a.yaml:6:1: <script>: is not a key here."),
        ("a.yaml", ORDINARY + f'"{CLEARS}": 1\n'.replace("\x1b", r"\e").replace("\x07", r"\a"), r"a.yaml:6:1: \x1b[2J"),
        ("a.yaml", ORDINARY.replace("digits", r'"di\e[2Jgits"'), r"a.yaml:4:16: data.source: 'di\x1b[2Jgits' is not a"),
        (f"{CLEARS}.yaml", ORDINARY, r"\x1b[2J\x1b]0;owned\x07.yaml:1:1: '\x1b[2J\x1b]0;owned\x07' cannot name a"),
        ("\u202egnp.yaml", "a: [", r"\u202egnp.yaml:1:5: is not a plain YAML document"),
    ],
)
def test_one_message_in_which_nothing_acts_on_a_terminal(
    tmp_path, monkeypatch, capsys, name: str, content: str | bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(tmp_path)
    assert ended(["validate", "."], monkeypatch) == 2
    first, count = capsys.readouterr().err.splitlines()
    assert first.startswith(message)
    assert count == "1 error in 1 file."
    assert (first + count).isprintable()


def test_what_a_valid_file_says_does_not_act_on_a_terminal_either(tmp_path, monkeypatch, capsys) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(ORDINARY.replace("A test.", r'"\e[2J <b>|\u202e"'))
    monkeypatch.setattr("sys.argv", ["harness", "list", str(file)])
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(stream := io.BytesIO(), encoding="utf-8"))
    main()
    assert stream.getvalue().decode() == "a  \\x1b[2J <b>|\\u202e\n"


@pytest.mark.parametrize("path", ["x" * 300, "x/" * 3000, "loop"])
def test_paths_that_no_system_has(tmp_path, monkeypatch, capsys, path: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    assert ended(["list", path], monkeypatch) == 2
    assert ": there is no such file or folder." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"matrix: {{data.seed: {[*range(1000)]}, model.init.seed: {[*range(1000)]}}}\n",
            "1:9: matrix: expected at most 10000 combinations, got 1000000. Leave out some values.",
        ),
        (f"expect: [{'{a: 1}, ' * 90_000}]\n", f"more than {MOST_VALUES} values"),
        (f"matrix: {{attack.norm: [{'x, ' * 200_000}]}}\n", f"more than {MOST_VALUES} values"),
        (f"attack: {{feature_mask: {'[' * 10_000}{']' * 10_000}}}\n", "nested deeper than 32 levels"),
        (f"x: {'{a: ' * 10_000}1{'}' * 10_000}\n", "nested deeper than 32 levels"),
        ("- " * 10_000 + "x\n", "nested deeper than 32 levels"),
        ("? " * 10_000 + "x\n", "nested deeper than 32 levels"),
        (f"{'k' * 500_000}: 1\n", "1:500001: is not a plain YAML document"),
        (f"attack: {{epsilon: {'9' * 100_000}}}\n", "1:19: attack.epsilon: expected a finite number of at least 0"),
        (f"attack: {{epsilon: {'9' * 4000}/{'9' * 4000}}}\n", "1:19: attack.epsilon: expected a finite number of at"),
        (f"attack: {{epsilon: 1e{'9' * 4000}}}\n", "1:19: attack.epsilon: expected a finite number of at least 0"),
        (f"data: {{source: digits, batch: 0x{'f' * 4000}}}\n", "1:31: data.batch: expected"),
        ("data: {source: digits, inputs: {'../../x': 64}}\n", "1:33: data.inputs.../../x: cannot be a name"),
        ('data: {source: digits, inputs: {"\\e[2J": 64}}\n', "1:33: data.inputs.\\x1b[2J: cannot be a name"),
        ("data: {source: npz, path: /dev/zero}\n", "1:27: data.path: '/dev/zero' lies outside"),
        ('data: {source: npz, path: "a\\0b"}\n', "1:27: data.path: 'a\\x00b' is not a usable path"),
        ("data: {source: npz, path: ../../../../../etc/passwd}\n", "1:27: data.path: '../../../../../etc/passwd' lies"),
        ("model: {factory: 'os:system'}\n", "1:18: model.factory: the function os:system would be run. Allow it with"),
    ],
)
def test_what_is_meant_to_explode_or_to_reach_out_is_one_short_message(complaints, text: str, message: str) -> None:
    found = complaints(text)
    assert message in found[0]
    assert len(found) <= 40
    assert all(len(line) < 600 for line in found)


def test_a_flood_of_mistakes_is_told_by_its_first_hundred(tmp_path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("".join(f"k{number}: 1\n" for number in range(5000)))
    document = read_document(path)
    for node in document.root.items.values():
        document.report.at(node, (), "is too much.")
    error = ScenarioError(document.report.complaints)
    assert len(error.complaints) == 5000
    *lines, last = str(error).splitlines()
    assert len(lines) == 100
    assert last == "... and 4900 more."


def test_data_of_the_largest_number_of_values_is_read_and_larger_data_is_told_where_to_go(tmp_path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: [" + "0, " * (MOST_VALUES - 3) + "]\n")
    assert len(read_document(path).root.value["a"]) == MOST_VALUES - 3
    path.write_text("a: [" + "0, " * (MOST_VALUES - 2) + "]\n")
    with pytest.raises(ScenarioError, match=r"Move large data into an \.npz file"):
        read_document(path)
    path.write_text(f"a: '{'x' * (LARGEST_FILE - 6)}'")
    assert len(read_document(path).root.value["a"]) == LARGEST_FILE - 6


def test_the_longest_name_that_a_file_may_have(read) -> None:
    (case,) = read(name="a" * 250)
    assert case.id == "a" * 250
    first, *_ = read("matrix: {model.layers: [[{dense: 10}], [relu, {dense: 10}]]}\nmodel: {}\n", name="a" * 250)
    assert len(first.id) < 300


def header(text: str, body: bytes = b"") -> bytes:
    """A member of an ``.npz`` archive with a header of this text."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + body


def of_shape(shape: str, *, kind: str = "'<f8'", body: bytes = b"1" * 16) -> bytes:
    return header(f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}", body)


WEIGHTS = "model: {layers: [{dense: 10}], weights: d.npz}"
LABELS = of_shape("(2,)", kind="'<i8'", body=bytes(16))


@pytest.mark.parametrize(
    ("x", "problem"),
    [
        (of_shape("(2, 2)", kind="'|O'", body=b"cos\nsystem\n(S'true'\ntR."), "pickled data is never loaded."),
        (of_shape("(10000000000000, 2)"), "cannot be read: "),
        (of_shape(f"(1{'0' * 30}, 2)"), "cannot be read: "),
        (of_shape("(-1, -2)"), "cannot be read: "),
        (header("(" * 9000), "cannot be read: "),
        (header("__import__('os').system('true')"), "cannot be read: "),
        (b"no array", "holds 'x', which is no array."),
    ],
)
@pytest.mark.parametrize("section", ["data: {source: npz, path: d.npz}", WEIGHTS])
def test_arrays_made_to_do_harm(complaints, tmp_path, x: bytes, problem: str, section: str) -> None:
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("x.npy", x)
        archive.writestr("y.npy", LABELS)
    (found,) = complaints(f"{section}\n")
    name = "data.path" if "data" in section else "model.weights"
    assert found.startswith(f"1:{section.index('d.npz') + 1}: {name}: 'd.npz' ")
    assert problem in found


def test_archives_that_unfold_or_are_locked(complaints, tmp_path) -> None:
    path = tmp_path / "d.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", of_shape("(2, 1)"))
        archive.writestr("y.npy", LABELS)
    locked = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := locked.find(signature, place + 1)) >= 0:
            locked[place + offset] |= 1
    path.write_bytes(locked)
    assert "cannot be read: File 'x.npy' is encrypted" in complaints("data: {source: npz, path: d.npz}\n")[0]
    path.write_bytes(locked.replace(struct.pack("<L", len(LABELS)), struct.pack("<L", 1 << 30)))
    assert " bytes, more than 1073741824. Store fewer" in complaints("data: {source: npz, path: d.npz}\n")[0]


def layer(class_name: str, config: object, **further: object) -> dict[str, object]:
    return {"class_name": class_name, "config": config, **further}


DENSE = layer("Dense", {"units": 10, "activation": "relu"}, module="keras.layers", registered_name=None)
RELU = layer("function", "relu", module="builtins", registered_name="relu")
HARMFUL = {
    "holds a Lambda": layer("Lambda", {"function": ["4wEAAAA=", None, None]}, module="keras.layers"),
    "holds a __lambda__": layer("__lambda__", {"value": "4wEAAAA="}),
    "names the function subprocess.Popen": layer("function", "Popen", module="subprocess"),
    "names the function builtins.exec": layer("function", "exec", module="builtins"),
    "names my_package.Model": layer("Model", {}, module="my_package"),
    "names keras.utils.Sequence": layer("Sequence", {}, module="keras.utils"),
    "holds a load_model": layer("load_model", {}, module="keras.models"),
    "holds a TFSMLayer": layer("TFSMLayer", {"filepath": "x"}, module="keras.layers"),
    "holds a TextVectorization": layer("TextVectorization", {"vocabulary": "/etc/passwd"}, module="keras.layers"),
    "calls tf.io.write_file": layer("TFOpLambda", {"function": "io.write_file"}, module="keras.layers"),
    "calls tf.None": layer("TFOpLambda", None, module="keras.layers"),
    "holds a ['Lambda']": {"class_name": ["Lambda"]},
}


@pytest.mark.parametrize("reason", HARMFUL)
def test_a_keras_file_that_could_run_code_is_refused_before_keras_sees_it(complaints, tmp_path, reason: str) -> None:
    inside = layer("TimeDistributed", {"layer": HARMFUL[reason]}, module="keras.layers")
    functional = layer("Functional", {"layers": [DENSE, inside]}, module="keras.src.engine.functional")
    save_model(tmp_path / "m.keras", functional)
    (found,) = complaints("model: {keras: m.keras}\n")
    problem = f"1:16: model.keras: 'm.keras' {reason}, which could run code. Build such a model in a function"
    assert found.startswith(problem)
    assert found.endswith("allow it with --allow-code if you trust it.")


def test_a_keras_file_of_keras_layers_and_arithmetic_is_taken(read, tmp_path) -> None:
    times_two = layer("TFOpLambda", {"function": "math.multiply"}, module="tf_keras.src.layers.core.tf_op_layer")
    model = layer(
        "Functional", {"layers": [DENSE, layer("Activation", {"activation": RELU}), times_two]}, module="keras"
    )
    compiled = {
        "optimizer": layer("Adam", {}, module="keras.optimizers"),
        "loss": layer("function", "mine", module="a"),
    }
    save_model(tmp_path / "m.keras", {**model, "compile_config": compiled})
    (case,) = read("model: {keras: m.keras}\n")
    assert case.model["keras"] == str(tmp_path / "m.keras")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(500), "is not a .keras file. Save the model with model.save('NAME.keras')."),
        (b"PK\x03\x04 but damaged", "is not a .keras file."),
        ({"config.json": "{", "metadata.json": ""}, "cannot be read: Expecting property name"),
        ({"config.json": "[" * 100_000}, "cannot be read: "),
        ({"config.json": "[]"}, "cannot be read: its config.json is not a mapping."),
        ({"metadata.json": "{}"}, "cannot be read: "),
        (
            {"config.json": "{}", "../../assets/x": ""},
            "holds '../../assets/x'; expected only config.json, metadata.json",
        ),
        ({"config.json": " " * (17 << 20)}, "has a config.json of more than 16777216 bytes."),
    ],
)
def test_what_is_no_keras_file(complaints, tmp_path, content: bytes | dict[str, str], problem: str) -> None:
    """HDF5 above all: under whatever name, Keras would load it, and would run the code of its Lambda layers."""
    path = tmp_path / "m.keras"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in content.items():
                archive.writestr(name, text)
    (found,) = complaints("model: {keras: m.keras}\n")
    assert found.startswith(f"1:16: model.keras: 'm.keras' {problem}")


def test_damage_anywhere_in_a_keras_file_is_at_most_a_mistake(tmp_path) -> None:
    path = tmp_path / "m.keras"
    save_model(path, layer("Sequential", {"layers": [DENSE] * 5}, module="keras"))
    whole = path.read_bytes()
    for position in range(0, len(whole), 5):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        with contextlib.suppress(KerasFileError):  # anything else that it raises is a failure
            check_harmless(Path(path))


def test_of_a_code_that_is_allowed_only_the_form_of_the_file_is_looked_at(read, complaints, tmp_path) -> None:
    save_model(tmp_path / "m.keras", HARMFUL["holds a Lambda"])
    (case,) = read("model: {keras: m.keras}\n", code=True)  # Keras's own safe mode has the last word
    assert "keras" in case.model
    np.savez(tmp_path / "d.npz", x=np.zeros(3))
    (tmp_path / "m.h5").write_bytes((tmp_path / "m.keras").read_bytes())
    (found,) = complaints("model: {keras: m.h5}\n", code=True)
    assert "'m.h5' is not a .keras file" in found
