"""A user's own implementation as a subject: ``module:function``, any callable of one of two signatures.

That of CleverHans 4.0's ``fast_gradient_method`` (kind perturbation), called as ``cleverhans-v4`` is; or that of
``nsl.keras.adversarial_loss`` (kinds loss and training), called in the training step of NSL's documentation.

Its outcomes are stored under the hashes of its source files and the versions of what these import, see ``own_source``.
A data file that it reads is no part of that, for nobody knows before the call which ones it will open: after such a
file has changed, ``--fresh`` computes everything anew.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.subjects.cleverhans_call import perturb_with
from harness.subjects.environments import TENSORFLOW_2
from harness.subjects.nsl_loop import evidence_in_loop
from harness.subjects.own_function import ADVERSARIAL_LOSS, FAST_GRADIENT_METHOD, OwnFunction, Signature, find_function
from harness.subjects.own_training import OwnTrainer, own_trainer
from harness.subjects.protocol import Batch, LossEvidence, Models, Perturbation
from harness.vocabulary import Kind, Unsupported


class OwnSubject:
    """See ``Subject``. Only what runs in a worker imports the user's code."""

    def __init__(self, name: str):
        self.name = name
        module = name.partition(":")[0]
        self.LIBRARY = module.partition(".")[0]
        self.API = name
        # The folder where the user stands is the one that Python would look in for this module.
        self.ENVIRONMENT = replace(TENSORFLOW_2, name=f"own:{module}", paths=(str(Path.cwd()),))

    def version(self) -> str:
        """See ``Subject.version``: empty for code that belongs to no installed distribution."""
        try:
            return importlib.metadata.version(self.LIBRARY)
        except importlib.metadata.PackageNotFoundError:
            return ""

    def perturb(self, models: Models, batch: Batch, attack: Mapping[str, Any]) -> Perturbation:
        """See ``Subject.perturb``."""
        import tensorflow as tf

        function = self._function(FAST_GRADIENT_METHOD, "perturbation")

        def arguments_for(given: dict[str, Any]) -> dict[str, Any]:
            taken = function.arguments(given)
            # Its documentation promises tensors; that the original takes arrays, too, is its own affair.
            return taken | {name: tf.constant(taken[name]) for name in ("x", "y") if name in taken}

        _begin()
        return perturb_with(function.call, self.name, models, batch, attack, arguments_for=arguments_for)

    def loss_evidence(
        self, models: Models, batch: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]
    ) -> LossEvidence:
        """See ``Subject.loss_evidence``."""
        function = self._function(ADVERSARIAL_LOSS, "loss")
        return evidence_in_loop(
            function.call, self.name, models, batch, attack, training, arguments_for=loop_arguments(function)
        )

    def trainer(
        self, models: Models, example: Batch, attack: Mapping[str, Any], training: Mapping[str, Any]
    ) -> OwnTrainer:
        """See ``Subject.trainer``."""
        function = self._function(ADVERSARIAL_LOSS, "training")
        return own_trainer(
            function.call, self.name, models, example, attack, training, arguments_for=loop_arguments(function)
        )

    def _function(self, signature: Signature, kind: Kind) -> OwnFunction:
        function = _found(self.name)
        if function.signature is not signature:
            raise Unsupported(
                f"{self.name} has the signature of {function.signature.original}, not one for kind {kind}"
            )
        return function


_found = functools.cache(find_function)


def _begin() -> None:
    """An implementation that draws random numbers draws the same ones in every case, whatever ran before."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(0)


def loop_arguments(function: OwnFunction) -> Any:
    """Of the arguments that the loop has, those that the function takes.

    A function may work the clean loss out for itself. It may lack whatever says nothing in this case: weights that are
    not there, a configuration in which nothing is stated, a mode that is the default one.
    """

    def arguments_for(given: dict[str, Any]) -> dict[str, Any]:
        optional = {"labeled_loss", "gradient_tape"}
        optional |= {"sample_weights"} if given["sample_weights"] is None else set()
        optional |= {"model_kwargs"} if not given["model_kwargs"]["training"] else set()
        return function.arguments(given, optional=optional)

    return arguments_for
