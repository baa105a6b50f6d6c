"""Kind loss: one function of a script for each subject, which returns losses and gradients by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.explain.reproducing.calls import (
    Question,
    attack_loss_source,
    config_source,
    cross_entropy_source,
    fgm_arguments,
    function_name,
    v3_arguments,
)
from harness.explain.reproducing.text import call, keywords, source
from harness.subjects.translate import training_loss_reduction
from harness.vocabulary import is_own


def loss_source(subject: str, question: Question) -> str:
    """The function that takes the subject's training step."""
    if subject == "cleverhans-v3":
        return _cleverhans_v3(question)
    return _cleverhans_v4(question) if subject == "cleverhans-v4" else _adversarial_loss(subject, question)


def loss_fn_source(question: Question) -> str:
    """The loss that is minimised."""
    reduction, smoothing = training_loss_reduction(question.attack), question.training.get("smoothing", 0.0)
    return cross_entropy_source(question, reduction=reduction, smoothing=smoothing)


def labels_source(question: Question) -> str:
    """The labels in the form that this loss takes."""
    return one_hot_source(question) if question.training.get("smoothing") else "labels"


def one_hot_source(question: Question) -> str:
    """The labels with one column a class."""
    return f'np.eye({question.classes}, dtype="{question.dtype}")[labels]'


def stated_to_v3(question: Question, coefficient: float) -> dict[str, Any]:
    """Arguments of ``CrossEntropy``; see ``harness.subjects.cleverhans_v3_training``.

    Args:
        question: the case.
        coefficient: the weight of the adversarial loss.
    """
    training, stated = question.training, {}
    if "weighting" in training:
        stated["adv_coeff"] = coefficient
    if "labels" in question.attack:
        stated["pass_y"] = question.attack["labels"] == "given"
    if "smoothing" in training:
        stated["smoothing"] = training["smoothing"]
    stated["attack_params"] = v3_arguments(question.attack)
    if "mode" in training:
        stated["training"] = training["mode"] == "training"
    return stated


def v3_losses_source(question: Question, features: str) -> str:
    """The three losses of ``CrossEntropy`` on a graph that has ``model``, ``session`` and ``y``."""
    attack = call(
        "FastGradientMethod",
        ["wrapper", "sess=session", f'dtypestr="{question.dtype}"'],
        before="attack = ",
        indent=8,
    )
    coefficient = _objective(question, "cleverhans-v3")["adversarial"]
    stated = "".join(
        f"            {source(name)}: {source(value)},\n" for name, value in stated_to_v3(question, coefficient).items()
    )
    return f"""\
        wrapper = CallableModelWrapper(model, "logits")
{attack}
        stated = {{
{stated}        }}
        losses = {{}}
        for name, further in (
            ("clean_loss", {{"attack": None}}),
            ("adversarial_loss", {{"attack": attack, "adv_coeff": 1.0}}),
            ("total_loss", {{"attack": attack}}),
        ):
            cross_entropy = CrossEntropy(wrapper, **{{**stated, **further}})
            losses[name] = cross_entropy.fprop({features}, y)
"""


def learning_phase(question: Question) -> str:
    """Keras's learning phase, which decides the mode that the attack of 3.1.0 calls the model in."""
    phase = int(question.training.get("attack_mode") == "training")
    return f"        tf.keras.backend.set_learning_phase({phase})\n"


def _objective(question: Question, subject: str) -> Mapping[str, Any]:
    """How the subject weighed the losses."""
    return question.settings[subject].get("objective") or {"clean": 1.0, "adversarial": 1.0}


def _adversarial_loss(subject: str, question: Question) -> str:
    own = is_own(subject)
    module, _, function = subject.partition(":") if own else ("", "", "nsl.keras.adversarial_loss")
    importing = f"    from {module} import {function}\n" if own else ""
    kwargs = {"training": question.training.get("mode", "inference") == "training"}
    objective = _objective(question, subject)
    total = f"clean + {source(objective['adversarial'])} * adversarial" if objective["clean"] else "adversarial"
    one = len(question.names) == 1
    x = "tf.constant(x)" if one else "{name: tf.constant(one) for name, one in inputs.items()}"
    before = (
        f"            features = before(features, training={kwargs['training']})\n" if _has_before(question) else ""
    )
    arguments = {
        "features": "features",
        "labels": "y",
        "model": "model",
        "loss_fn": "loss_fn",
        "sample_weights": "weighting",
        "adv_config": "config",
        "model_kwargs": str(kwargs).replace("'", '"'),
        "labeled_loss": "clean",
        "gradient_tape": "tape_x",
    }
    if own:
        optional = ["labeled_loss", "gradient_tape"]
        optional += ["sample_weights"] if "sample_weights" not in question.training else []
        optional += [] if kwargs["training"] else ["model_kwargs"]
        named = "".join(f"                {source(name)},\n" for name in optional)
        each = "".join(f'            "{name}": {value},\n' for name, value in arguments.items())
        called = f"""\
        arguments = {{
{each}        }}
        # What it works out for itself it need not take.
        takes = inspect.signature({function}).parameters
        if not any(one.kind is one.VAR_KEYWORD for one in takes.values()):
            for name in (
{named}            ):
                if name not in takes:
                    del arguments[name]
        adversarial = {function}(**arguments)"""
    else:
        called = call(
            function, [f"{name}={value}" for name, value in arguments.items()], before="adversarial = ", indent=8
        )
    return f"""\
def {function_name(subject)}():
    import neural_structured_learning as nsl
{importing}
    tf.keras.utils.set_random_seed(0)
    model = build_model()
{_variables(question)}
{config_source(question, by_name=len(question.names) > 1)}
{loss_fn_source(question)}
    y = tf.constant({labels_source(question)})
    weighting = {"tf.constant(sample_weights[:, None])" if "sample_weights" in question.training else "None"}
    tf.keras.utils.set_random_seed(0)
    with tf.GradientTape() as tape_w:
        with tf.GradientTape() as tape_x:
            features = {x}
{before}            tape_x.watch(tf.nest.flatten(features))
            clean = loss_fn(y, model(features, training={kwargs["training"]}), weighting)
{called}
        total = {total}
{_gradients(question, "tape_w")}
{_returned(question)}"""


def _cleverhans_v4(question: Question) -> str:
    training = question.training
    in_training = training.get("mode", "inference") == "training"
    attack_in_training = training.get("attack_mode", "inference") == "training"
    model_fn = "functools.partial(model, training=True)" if attack_in_training else "model"
    objective = _objective(question, "cleverhans-v4")
    arguments = [model_fn, "features", *keywords(fgm_arguments(question, with_loss=False))]
    before = _has_before(question)
    features = f"before(x, training={in_training})" if before else "x"
    clean_features = f"before(tf.constant(x), training={in_training})" if before else "tf.constant(x)"
    clean = f"""\
        clean_features = {clean_features}
        clean = loss_fn(y, model(clean_features, training={in_training}), weighting)"""
    total = f"{source(objective['clean'])} * clean + {source(objective['adversarial'])} * adversarial"
    if not objective["clean"]:
        clean, total = "        clean = np.nan", f"{source(objective['adversarial'])} * adversarial"
    return f"""\
def cleverhans_v4():
    from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method

{attack_loss_source(question, with_loss=False)}    tf.keras.utils.set_random_seed(0)
    model = build_model()
{_variables(question)}
{loss_fn_source(question)}
    y = tf.constant({labels_source(question)})
    weighting = {"tf.constant(sample_weights)" if "sample_weights" in training else "None"}
    tf.keras.utils.set_random_seed(0)
    features = {features}
{call("fast_gradient_method", arguments, before="attacked = ")}
    with tf.GradientTape() as tape:
        adversarial = loss_fn(y, model(attacked, training={in_training}), weighting)
{clean}
        total = {total}
{_gradients(question, "tape")}
{_returned(question)}"""


def _cleverhans_v3(question: Question) -> str:
    before = _has_before(question)
    mode = question.training.get("mode")
    passed = f", training={mode == 'training'}" if mode else ""
    value = f"        features = before(features{passed})\n" if before else ""
    variables = "model.trainable_weights"
    if before:
        variables = "[*before.trainable_weights, *model.trainable_weights]"
    return f"""\
def cleverhans_v3():
    from cleverhans.attacks import FastGradientMethod
    from cleverhans.loss import CrossEntropy
    from cleverhans.model import CallableModelWrapper

    with tf.Graph().as_default(), tf.Session().as_default() as session:
        tf.set_random_seed(0)
{learning_phase(question)}{"        before = build_before()" + chr(10) if before else ""}        model = build_model()
        x_in = tf.placeholder("{question.dtype}", (None, *x.shape[1:]))
        y = tf.placeholder("{question.dtype}", (None, {question.classes}))
        features = x_in
{value}{v3_losses_source(question, "features")}        gradients = tf.gradients(
            losses["total_loss"],
            {variables},
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        one_hot = {one_hot_source(question)}
        found, gradients = session.run([losses, gradients], {{x_in: x, y: one_hot}})
    return {{**found, **dict(zip(GRADIENTS, gradients))}}
"""


def _has_before(question: Question) -> bool:
    return "before" in question.case.model


def _variables(question: Question) -> str:
    if not _has_before(question):
        return "    variables = model.trainable_variables"
    return "    before = build_before()\n    variables = [*before.trainable_variables, *model.trainable_variables]"


def _gradients(question: Question, tape: str) -> str:
    zero = "unconnected_gradients=tf.UnconnectedGradients.ZERO"
    return call(f"{tape}.gradient", ["total", "variables", zero], before="gradients = ")


def _returned(question: Question) -> str:
    return """\
    return {
        "clean_loss": np.asarray(clean),
        "adversarial_loss": np.asarray(adversarial),
        "total_loss": np.asarray(total),
        **{name: np.asarray(g) for name, g in zip(GRADIENTS, gradients)},
    }
"""
