"""What an own subject is made of: its source files, and the distributions that they use."""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import importlib.metadata
import os
import site
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness
from harness.subjects.own_function import find_function
from harness.vocabulary import content_hash


def describe(name: str) -> dict[str, Any]:
    """What a run records about an own subject. Imports its module, so it runs in a worker of the subject's environment.

    Args:
        name: ``module:function``.

    Returns:
        ``library`` and ``version`` of the distribution that it belongs to, if any; ``api``; ``like``, the shipped
        subject with the same signature; ``kinds`` of cases that it can be asked; ``sources``, the SHA-256 of each
        module of the user's by its name; ``uses``, one hash for the versions of all distributions that are loaded.

    Raises:
        HarnessError: see ``find_function``.
    """
    function = find_function(name)
    top = name.partition(":")[0].partition(".")[0]
    sources = _sources(top)
    distributions = importlib.metadata.packages_distributions()
    used = {one for module in list(sys.modules) for one in distributions.get(module, ())}
    versions = {one: importlib.metadata.version(one) for one in sorted(used)}
    own = next((one for one in distributions.get(top, ()) if one in versions), "")
    return {
        "library": own or top,
        "version": versions[own] if own else f"sources {content_hash(sources)[:8]}",
        "api": name,
        "like": function.signature.like,
        "kinds": list(function.signature.kinds),
        "sources": sources,
        "uses": content_hash(versions),
    }


def _sources(top: str) -> dict[str, str]:
    """SHA-256 of the files that are the user's, by module: those that are loaded, and those that may be loaded later.

    The user's are those of the package ``top``, wherever it lies, and all that belong neither to the standard library,
    nor to installed packages, nor to the harness.
    """
    found: dict[str, Path] = {}
    loaded = [(name, _file_of(one)) for name, one in list(sys.modules.items()) if not name.startswith("__")]
    waiting = [(name, file) for name, file in loaded if file]
    while waiting:
        name, file = waiting.pop()
        path = Path(file)
        if name in found or not (_is_of(name, top) or not file.startswith(_NOT_THE_USERS)) or not path.is_file():
            continue
        found[name] = path
        # An import inside of a function has not been made yet; an edit of what it will load counts all the same.
        waiting += [one for imported in _imports(name, path) for one in _files_of(imported)]
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(found.items())}


def _is_of(name: str, top: str) -> bool:
    return name == top or name.startswith(f"{top}.")


def _file_of(module: object) -> str:
    # Not by getattr: some modules load what they stand for when they are asked for anything.
    return vars(module).get("__file__") or "" if isinstance(module, types.ModuleType) else ""


def _folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    named = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    installed = [*named, *site.getsitepackages(), site.getusersitepackages(), str(Path(harness.__file__).parent)]
    return tuple(f"{folder}{os.sep}" for folder in dict.fromkeys(installed))


_NOT_THE_USERS = _folders()


def _imports(name: str, path: Path) -> Iterator[str]:
    """Dotted names that a source file imports anywhere, ``from`` parts included, whether they are modules or not."""
    if path.suffix != ".py":
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parent, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _files_of(name: str) -> Iterator[tuple[str, str]]:
    """The files of a module and of the packages that it lies in, found without importing any of them."""
    path: Any = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        dotted = ".".join(parts[:depth])
        try:
            spec = importlib.machinery.PathFinder.find_spec(dotted, path)
        except (ImportError, ValueError, AttributeError):
            return
        if spec is None:
            return
        if spec.origin and spec.has_location:
            yield dotted, spec.origin
        path = spec.submodule_search_locations
        if path is None:
            return
