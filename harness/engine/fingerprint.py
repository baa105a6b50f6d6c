"""Everything that determines an outcome, as hashes: so that a second run computes only what changed."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.vocabulary import SUBJECTS, Case, content_hash, is_own

_ROOT = Path(__file__).parents[1]
_FRAMEWORKS = ("tensorflow", "tf-keras", "keras", "numpy", "scikit-learn")


_elsewhere: dict[str, Any] = {}


def environment() -> dict[str, Any]:
    """What a run records about the machine and the frameworks. Imports none of them."""
    return {**_environment_here(), **_elsewhere}


def computes_on(machine: Mapping[str, Any]) -> None:
    """From now on, outcomes are computed on another machine: its ``platform`` and ``processor``; on this one if empty.

    Keys are made in the starting process, and a cluster need not have its processor.
    """
    _elsewhere.clear()
    _elsewhere.update(machine)


@functools.cache
def _environment_here() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        **{name: _version(name) for name in _FRAMEWORKS},
    }


def weights_key(case: Case) -> str:
    """Key of a case's weights: how they are drawn, and from what data they are pretrained."""
    # Weights do not depend on which batch is attacked, nor, for declared layers, on the form of the output.
    model = {name: value for name, value in case.model.items() if name != "output" or "layers" not in case.model}
    data = {name: value for name, value in case.data.items() if name not in ("batch", "seed", "split")}
    return content_hash(
        {
            "model": {name: _with_content(name, value) for name, value in model.items()},
            "data": {name: _with_content(name, value) for name, value in data.items()},
            "seeds": case.training["seeds"] if case.kind == "training" else None,
            "code": code_hash(
                [
                    _ROOT / "engine" / "prepare.py",
                    *(_ROOT / "scenario" / f"{name}.py" for name in ("models", "data", "pretrain")),
                ]
            ),
            "environment": environment(),
        }
    )


def batch_key(case: Case) -> str:
    """Key of a case's batch."""
    return content_hash(
        {
            "data": {name: _with_content(name, value) for name, value in case.data.items()},
            "dtype": case.attack.get("dtype", "float32"),
            "course": {name: case.training.get(name) for name in ("steps", "batch_size", "seeds", "seed")},
            "sample_weights": case.training.get("sample_weights"),
            "code": code_hash([_ROOT / "engine" / "prepare.py", _ROOT / "scenario" / "data.py"]),
            "scikit-learn": _version("scikit-learn"),
            "numpy": _version("numpy"),
        }
    )


def outcome_key(case: Case, name: str, *, identity: Mapping[str, str], subject: Mapping[str, Any]) -> str:
    """Key of the outcome of one subject, named and described, for one case."""
    return content_hash(
        {
            "kind": case.kind,
            "name": name,
            "subject": dict(subject),
            "model": {name: _with_content(name, value) for name, value in case.model.items()},
            "identity": dict(identity),
            "attack": dict(case.attack),
            "training": {name: value for name, value in case.training.items() if name != "margin"},
            "environment": environment(),
            "code": _code_of(name),
        }
    )


def evaluation_key(case: Case, *, data: str, arrays: str) -> str:
    """Key of the evaluation of what a training left."""
    return content_hash(
        {
            "model": {name: _with_content(name, value) for name, value in case.model.items()},
            "attack": {name: case.attack.get(name) for name in ("norm", "clip")},
            "evaluate": case.training["evaluate"],
            "data": data,
            "arrays": arrays,
            "environment": environment(),
            "code": code_hash(
                sorted(
                    [
                        _ROOT / "engine" / "evaluate.py",
                        _ROOT / "scenario" / "models.py",
                        *(_ROOT / "reference").glob("*.py"),
                    ]
                )
            ),
        }
    )


def bridge_key(case: Case, *, identity: Mapping[str, str], pairs: Any) -> str:
    """Key of what bridges the pairs of a case, each described by JSON values that name its two sides' results."""
    return content_hash(
        {
            "kind": case.kind,
            "model": {name: _with_content(name, value) for name, value in case.model.items()},
            "identity": dict(identity),
            "training": {name: value for name, value in case.training.items() if name != "margin"},
            "evaluated": {name: case.attack.get(name) for name in ("norm", "clip")},
            "pairs": pairs,
            "environment": environment(),
            "code": code_hash(code_of_bridges()),
        }
    )


def code_of_bridges() -> list[Path]:
    """The files that a bridge comes out of."""
    rooms = [
        path for room in ("explain", "oracle", "reference", "subjects/stances") for path in (_ROOT / room).glob("*.py")
    ]
    own = [path for path in rooms if not path.stem.startswith(_NO_PART_OF_BRIDGES)]
    return sorted([*own, *(_ROOT / name for name in _BESIDE_BRIDGES)])


_BESIDE_BRIDGES = (
    *("engine/comparing.py", "engine/evaluate.py", "engine/trajectory.py", "engine/work.py"),
    *("scenario/models.py", "subjects/keras2.py", "subjects/reference_float64.py", "subjects/translate.py"),
)
"""What they use of other rooms."""


_NO_PART_OF_BRIDGES = ("cause", "page", "proposals")
"""How the names of files of ``explain/`` begin that no bridge comes out of."""


@functools.cache
def _code_of(subject: str) -> str:
    """Hash of the files that a subject's outcome comes out of: its own, what subjects share, and the worker's."""
    others = {name.replace("-", "_") for name in SUBJECTS} - {subject.replace("-", "_")}
    files = [path for path in (_ROOT / "subjects").glob("*.py") if path.stem not in others]
    if not is_own(subject):
        files = [path for path in files if not path.stem.startswith("own")]
    files += [_ROOT / "scenario" / "models.py", _ROOT / "scenario" / "data.py", _ROOT / "oracle" / "noise.py"]
    files += [_ROOT / "engine" / "work.py", _ROOT / "engine" / "trajectory.py"]
    if subject.startswith("reference-") or is_own(subject):  # a user's may well call the reimplementation
        files += (_ROOT / "reference").glob("*.py")
    return code_hash(sorted(files))


def code_hash(files: Iterable[Path]) -> str:
    """Hash of the content of source files."""
    return content_hash([_file_hash(path) for path in files])


@functools.cache
def _file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _with_content(name: str, value: Any) -> Any:
    """A setting that names a file or code counts with its content."""
    if name in ("keras", "weights", "path"):
        return [value, _file_hash(Path(value))]
    if name == "factory":
        return [value, factory_hash(value)]
    return value


def factory_hash(name: str) -> str:
    """Hash of the file that a function of a user's, ``module:function``, lies in; empty where there is none."""
    try:
        spec = importlib.util.find_spec(name.partition(":")[0])
    except ModuleNotFoundError:  # the package that the module would be in
        return ""
    return _file_hash(Path(spec.origin)) if spec and spec.origin else ""


@functools.cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _processor() -> str:
    """Model name: kernels are chosen by it, and it changes the last bits."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or os.uname().machine
