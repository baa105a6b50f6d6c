"""A user's own function: how it is found, which signature it has, and what it is given of the arguments for a case."""

from __future__ import annotations

import importlib
import importlib.abc
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.subjects.nsl_call import make_nsl_importable
from harness.vocabulary import HarnessError, Kind, Unsupported


@dataclass(frozen=True)
class Signature:
    """A signature that is recognised, by the names of its parameters.

    Attributes:
        original: the function that has it.
        like: the subject that runs the original.
        kinds: of the cases that a function of this signature can be asked.
        core: parameters that it must have to be recognised.
        others: the rest of the original's.
    """

    original: str
    like: str
    kinds: tuple[Kind, ...]
    core: tuple[str, ...]
    others: tuple[str, ...]


FAST_GRADIENT_METHOD = Signature(
    original="fast_gradient_method",
    like="cleverhans-v4",
    kinds=("perturbation",),
    core=("model_fn", "x", "eps"),
    others=("norm", "loss_fn", "clip_min", "clip_max", "y", "targeted", "sanity_checks"),
)
"""Of ``cleverhans.tf2.attacks.fast_gradient_method.fast_gradient_method`` 4.0.0."""

ADVERSARIAL_LOSS = Signature(
    original="adversarial_loss",
    like="nsl",
    kinds=("loss", "training"),
    core=("features", "labels", "model", "loss_fn"),
    others=("sample_weights", "adv_config", "predictions", "labeled_loss", "gradient_tape", "model_kwargs"),
)
"""Of ``nsl.keras.adversarial_loss`` 1.4.0."""

SIGNATURES = (FAST_GRADIENT_METHOD, ADVERSARIAL_LOSS)


@dataclass(frozen=True)
class OwnFunction:
    """A function of one of the signatures.

    Attributes:
        name: ``module:function``.
        call: itself.
        signature: that it has.
        parameters: those that can be given by keyword.
        required: those of them that have no default.
        takes_any: whether it takes keywords that it does not name.
    """

    name: str
    call: Callable[..., Any]
    signature: Signature
    parameters: frozenset[str]
    required: frozenset[str]
    takes_any: bool

    def arguments(self, given: Mapping[str, Any], *, optional: Collection[str] = ()) -> dict[str, Any]:
        """Those of the given arguments that the function takes.

        Args:
            given: by name.
            optional: what a function without this parameter works out for itself.

        Raises:
            Unsupported: it lacks a parameter that the case needs, or needs one that the case does not give.
        """
        lacking = [] if self.takes_any else [name for name in given if name not in self.parameters]
        needed = [name for name in lacking if name not in optional]
        if needed:
            raise Unsupported(f"{self.name} has no parameter {_listed(needed)}, which this case needs")
        missing = sorted(self.required - set(given))
        if missing:
            raise Unsupported(f"{self.name} has no default for {_listed(missing)}, which this case does not state")
        return {name: value for name, value in given.items() if name not in lacking}


def find_function(name: str) -> OwnFunction:
    """Imports the module of an own subject and looks at its function.

    Raises:
        HarnessError: it cannot be imported, is not there, cannot be called, or has none of the signatures.
    """
    module_name, _, function_name = name.partition(":")
    # Python compares bytecode with its source by size and whole seconds: of a quick edit it would run the old code.
    sys.dont_write_bytecode = True
    try:
        sys.meta_path.insert(0, _BeforeNsl())  # the user's code may want it
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # the user's code may raise anything when it is imported
        why = f"{type(error).__name__}: {error}"
        raise HarnessError(
            f"subject {name}: the module {module_name} cannot be imported: {why}. It is looked for in {Path.cwd()} and "
            f"among the packages of {sys.executable}: go to the folder that holds it, or install it."
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        wrong = f"{function_name} cannot be called: it is no function" if function else f"there is no {function_name}"
        place = getattr(module, "__file__", None) or module_name
        raise HarnessError(f"subject {name}: {wrong} in {place}.{_alternatives(module, function_name)}")
    return recognised(name, function)


class _BeforeNsl(importlib.abc.MetaPathFinder):
    """Makes NSL importable once somebody wants it. Not before: loading TensorFlow takes seconds, a wrong name none."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """Finds nothing itself."""
        if fullname == "neural_structured_learning":
            make_nsl_importable()


def recognised(name: str, function: Callable[..., Any]) -> OwnFunction:
    """The function with its signature. Raises ``HarnessError`` where it has none that is known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise HarnessError(f"subject {name}: its signature cannot be read: {error}. {_wanted()}") from error
    by_keyword = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    names = frozenset(one.name for one in by_keyword)
    signature = next((one for one in SIGNATURES if names.issuperset(one.core)), None)
    if signature is None:
        raise HarnessError(f"subject {name}: {_shown(function)} is not a signature that is known. {_wanted()}")
    required = frozenset(one.name for one in by_keyword if one.default is one.empty)
    strange = sorted(required.difference(signature.core, signature.others))
    strange += [one.name for one in parameters if one.kind is one.POSITIONAL_ONLY]
    if strange:
        raise HarnessError(
            f"subject {name}: {signature.original} has no parameter {_listed(strange)}: nothing can be given for it. "
            "Give it a default, and let it be given by keyword."
        )
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
    return OwnFunction(name, function, signature, names, required, takes_any)


def _shown(function: Callable[..., Any]) -> str:
    names = ", ".join(inspect.signature(function).parameters)
    return f"({names[:120]}{'...' if len(names) > 120 else ''})"


def _wanted() -> str:
    known = " or ".join(f"{one.original}({', '.join((*one.core, *one.others))})" for one in SIGNATURES)
    return f"Expected the parameters of {known}, by these names."


def _listed(names: Collection[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _alternatives(module: Any, function_name: str) -> str:
    import difflib

    functions = [name for name, value in vars(module).items() if inspect.isfunction(value)]
    near = difflib.get_close_matches(function_name, functions, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""
