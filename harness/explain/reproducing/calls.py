"""What each library is told for a case, as Python source: the arguments that ``harness.subjects`` gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.explain.reproducing.text import Source, call, keywords, source
from harness.subjects.translate import NSL_NORMS, target_class
from harness.vocabulary import Case, HarnessError, is_own


@dataclass(frozen=True)
class Question:
    """A case with what a reproduction must know of its data and of what the subjects did.

    Attributes:
        case: the case.
        names: of the inputs.
        dtype: of the inputs.
        classes: how many there are.
        settings: what each subject of the pair used, by name; empty for one that returned nothing.
        gradients: names of the gradients of kind loss, in the order of the weights.
    """

    case: Case
    names: Sequence[str]
    dtype: str
    classes: int
    settings: Mapping[str, Mapping[str, Any]]
    gradients: Sequence[str] = ()

    @property
    def attack(self) -> Mapping[str, Any]:
        return self.case.attack

    @property
    def training(self) -> Mapping[str, Any]:
        return self.case.training

    @property
    def output(self) -> str:
        return self.case.model.get("output", "logits")

    @property
    def model_input(self) -> str:
        """What the model is called with: the one input, or all by name."""
        return "x" if len(self.names) == 1 else "inputs"


def function_name(subject: str) -> str:
    """The name of the function of a script that runs a subject."""
    return subject.partition(":")[2] + "_of_yours" if is_own(subject) else subject.replace("-", "_")


def refuse_reference(subject: str) -> None:
    """Raises ``HarnessError`` for a subject that exists in this project only."""
    if subject.startswith("reference-"):
        raise HarnessError(
            f"{subject} is this project's own, and a reproduction runs without it. Name two libraries: "
            "--pair A,B with nsl, cleverhans-v4, cleverhans-v3, or module:function."
        )


def config_source(question: Question, *, by_name: bool, multiplier: float | None = None, indent: int = 4) -> str:
    """``config = nsl.configs.make_adv_reg_config(...)``; see ``harness.subjects.nsl_call.config_arguments``."""
    attack = question.attack
    arguments: dict[str, Any] = {}
    if multiplier is not None:
        arguments["multiplier"] = multiplier
    if "epsilon" in attack:
        arguments["adv_step_size"] = attack["epsilon"]
    if "norm" in attack:
        arguments["adv_grad_norm"] = NSL_NORMS[attack["norm"]]
    for bound, name in zip(attack.get("clip") or (), ("clip_value_min", "clip_value_max"), strict=False):
        if bound is not None:
            arguments[name] = dict.fromkeys(question.names, bound) if by_name else bound
    mask = attack.get("feature_mask")
    if mask is not None:
        masks = mask if isinstance(mask, Mapping) else dict.fromkeys(question.names, mask)
        arrays = (f'{source(name)}: np.array({values!r}, "{question.dtype}")' for name, values in masks.items())
        arguments["feature_mask"] = Source("{" + ", ".join(arrays) + "}")
    return call("nsl.configs.make_adv_reg_config", keywords(arguments), before="config = ", indent=indent)


def cross_entropy_source(question: Question, *, reduction: str, smoothing: float = 0.0) -> str:
    """Keras's loss; see ``harness.subjects.keras2.cross_entropy``."""
    reductions = {"mean": "sum_over_batch_size", "sum": "sum", "none": "none"}
    arguments = {"from_logits": question.output == "logits", "reduction": reductions[reduction]}
    if smoothing:
        arguments["label_smoothing"] = smoothing
    function = f"tf.keras.losses.{'' if smoothing else 'Sparse'}CategoricalCrossentropy"
    return call(function, keywords(arguments), before="loss_fn = ")


def fgm_arguments(question: Question, *, with_loss: bool) -> dict[str, Any]:
    """Arguments of CleverHans 4.0's function; see ``harness.subjects.cleverhans_call.fgm_arguments``.

    Args:
        question: the case.
        with_loss: whether a stated loss or reduction is that of the attack, rather than of the training.
    """
    attack = question.attack
    arguments = _order(attack, epsilon="eps", norm="norm") | _targets(attack)
    arguments |= _clip(attack)
    if "loss" in attack or (with_loss and "loss_reduction" in attack):
        arguments["loss_fn"] = Source("attack_loss")
    return arguments


def attack_loss_source(question: Question, *, with_loss: bool) -> str:
    """``attack_loss``, the loss that is handed to CleverHans, as a nested function; empty where none is stated."""
    attack = question.attack
    if "loss" not in attack and not (with_loss and "loss_reduction" in attack):
        return ""
    reduction = attack.get("loss_reduction", "none") if with_loss else "none"
    arguments = ["labels", "logits"]
    function = "tf.keras.losses.sparse_categorical_crossentropy"
    if not ("loss" in attack and question.output == "probabilities"):
        arguments = ["labels=labels", "logits=logits"]
        function = "tf.nn.sparse_softmax_cross_entropy_with_logits"
    return _nested_loss(call(function, arguments, before="losses = ", indent=8), reduction)


def generate_arguments(question: Question) -> dict[str, Any]:
    """Arguments of CleverHans 3.1's ``generate``; see ``harness.subjects.cleverhans_v3.generate_arguments``."""
    attack = question.attack
    arguments = v3_arguments(attack)
    target = target_class(attack)
    if target is not None:
        arguments["y_target"] = Source(f"tf.constant(one_hot[np.full_like(labels, {target})])")
    elif attack.get("labels") == "given":
        arguments["y"] = Source("tf.constant(one_hot[labels])")
    if "loss_reduction" in attack:
        arguments["loss_fn"] = Source("attack_loss")
    return arguments


def generate_loss_source(question: Question) -> str:
    """The same as ``attack_loss_source``, for 3.1.0."""
    if "loss_reduction" not in question.attack:
        return ""
    arguments = ["labels=tf.stop_gradient(labels)", "logits=logits"]
    function = "tf.nn.softmax_cross_entropy_with_logits_v2"
    return _nested_loss(call(function, arguments, before="losses = ", indent=8), question.attack["loss_reduction"])


def v3_arguments(attack: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of ``FastGradientMethod`` 3.1.0 for epsilon, norm and clip."""
    return _order(attack, epsilon="eps", norm="ord") | _clip(attack)


def _order(attack: Mapping[str, Any], *, epsilon: str, norm: str) -> dict[str, Any]:
    orders = {"linf": Source("np.inf"), "l2": 2, "l1": 1}
    arguments: dict[str, Any] = {}
    if "epsilon" in attack:
        arguments[epsilon] = attack["epsilon"]
    if "norm" in attack:
        arguments[norm] = orders[attack["norm"]]
    return arguments


def _clip(attack: Mapping[str, Any]) -> dict[str, Any]:
    low, high = attack.get("clip") or (None, None)
    return {} if low is None and high is None else {"clip_min": low, "clip_max": high}


def _targets(attack: Mapping[str, Any]) -> dict[str, Any]:
    target = target_class(attack)
    if target is not None:
        return {"y": Source(f"np.full_like(labels, {target})"), "targeted": True}
    return {"y": Source("labels")} if attack.get("labels") == "given" else {}


def _nested_loss(losses: str, reduction: str) -> str:
    reduced = {"none": "losses", "mean": "tf.reduce_mean(losses)", "sum": "tf.reduce_sum(losses)"}[reduction]
    if reduction == "none":
        losses, reduced = losses.replace("losses = ", "return ", 1), ""
    body = f"{losses}\n" + (f"        return {reduced}\n" if reduced else "")
    return f"    def attack_loss(labels, logits):\n{body}\n"
