"""Kind training: for each subject a function of a script that takes the steps, and returns the weights after some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.engine.record import CaseRecord, Run
from harness.explain.reproducing.calls import Question, attack_loss_source, config_source, fgm_arguments
from harness.explain.reproducing.loss import (
    labels_source,
    learning_phase,
    loss_fn_source,
    one_hot_source,
    v3_losses_source,
)
from harness.explain.reproducing.text import Source, call, keywords, render, source
from harness.vocabulary import Comparison, HarnessError, is_own

_SHOWN = 12
"""Steps after which a script compares the weights, at most."""


@dataclass(frozen=True)
class Course:
    """What a script of this kind has besides.

    Attributes:
        arrays: by the names of the script.
        constants: lines that say what the comparison needs to know.
    """

    arrays: Mapping[str, np.ndarray]
    constants: Sequence[str]


def course_of(run: Run, record: CaseRecord, comparison: Comparison) -> Course:
    """The order of the batches of the first seed, and the steps that are compared, with the distance of the twin.

    Raises:
        HarnessError: a side trained nothing, or is a function of the user's.
    """
    for side in (comparison.left, comparison.right):
        if is_own(side):
            raise HarnessError(
                f"{record.case.id}: of kind training, a reproduction has nsl, cleverhans-v4 and cleverhans-v3 only; "
                f"{side} is trained in a loop of this project's. Take a case of kind loss."
            )
        if record.outcome(side).status != "ok":
            raise HarnessError(f"{record.case.id}: {side} trained nothing: {record.outcome(side).reason}.")
    stored = run.arrays(record.identity["data"])
    metrics = comparison.metrics
    twins = dict(zip(metrics["steps"], metrics["twin"], strict=True))
    spread = np.unique(np.geomspace(1, metrics["steps"][-1], _SHOWN).round().astype(int)).tolist()
    decisive = metrics["times_twin_step"] or metrics["steps"][-1]
    shown = [step for step in sorted({*spread, decisive, metrics["steps"][-1]}) if step in twins]
    each = "".join(f"    {step}: {float(twins[step] or 0.0)!r},\n" for step in shown)
    return Course(
        {"order": stored["order"][0], "sizes": stored["sizes"]},
        (
            "# After how many steps the weights are compared, and how far a training was by",
            "# then from its noise twin: the same from weights nudged by one unit in the last",
            "# place. The distance of two weight vectors is relative to the longer one.",
            f"TWIN = {{\n{each}}}",
            f"TIMES_TWIN = {comparison.tolerance['max_times_twin']!r}",
        ),
    )


def training_source(subject: str, question: Question) -> str:
    """The function that trains as the subject does."""
    functions = {"nsl": _nsl, "cleverhans-v4": _cleverhans_v4, "cleverhans-v3": _cleverhans_v3}
    return functions[subject](question)


def steps_source() -> str:
    """``train``, which all of them share."""
    return render("train", {})


def _nsl(question: Question) -> str:
    objective, weighting = _objective(question, "nsl"), question.training.get("weighting")
    multiplier = objective["adversarial"] if weighting and weighting["clean"] else None
    weighted = "sample_weights" in question.training
    keys = ['label_keys=["label"]', *(['sample_weight_key="sample_weight"'] if weighted else []), "adv_config=config"]
    further = ', "sample_weight": sample_weights[:, None]' if weighted else ""
    return f"""\
def nsl():
    import neural_structured_learning as nsl

    model = build_model()
{config_source(question, by_name=True, multiplier=multiplier)}
{call("nsl.keras.AdversarialRegularization", ["model", *keys], before="wrapper = ")}
{loss_fn_source(question)}
{_keras_optimizer(question, objective)}
    wrapper.compile(optimizer=optimizer, loss=loss_fn)
    optimizer.build(model.trainable_variables)
    update = tf.function(lambda features: wrapper.train_step((features,)))
    features = {{**inputs, "label": {labels_source(question)}{further}}}
    tf.keras.utils.set_random_seed(0)

    def step(chosen):
        update({{name: tf.constant(array[chosen]) for name, array in features.items()}})

    return train(step, model.get_weights)
"""


def _cleverhans_v4(question: Question) -> str:
    training, objective = question.training, _objective(question, "cleverhans-v4")
    mode = training.get("mode", "inference") == "training"
    attack_in_training = training.get("attack_mode", "inference") == "training"
    arguments = fgm_arguments(question, with_loss=False)
    if "y" in arguments:
        arguments["y"] = Source("labels[chosen]")
    model_fn = "functools.partial(model, training=True)" if attack_in_training else "model"
    clean = f"            clean = loss_fn(y, model(x_now, training={mode}), weighting)\n"
    total = f"{source(objective['clean'])} * clean + {source(objective['adversarial'])} * adversarial"
    if not objective["clean"]:
        clean, total = "", f"{source(objective['adversarial'])} * adversarial"
    weighting = "tf.constant(sample_weights[chosen])" if "sample_weights" in training else "None"
    attack = call("fast_gradient_method", ["model_fn", "x_now", *keywords(arguments)], before="attacked = ", indent=8)
    return f"""\
def cleverhans_v4():
    from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method

{attack_loss_source(question, with_loss=False)}    model = build_model()
    model_fn = {model_fn}
{loss_fn_source(question)}
{_keras_optimizer(question, objective)}
    optimizer.build(model.trainable_variables)
    targets = {labels_source(question)}
    tf.keras.utils.set_random_seed(0)

    @tf.function(autograph=False)
    def update(x_now, attacked, y, weighting):
        with tf.GradientTape() as tape:
            adversarial = loss_fn(y, model(attacked, training={mode}), weighting)
{clean}            total = {total}
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))

    def step(chosen):
        x_now = tf.constant(x[chosen])
{attack}
        update(x_now, attacked, tf.constant(targets[chosen]), {weighting})

    return train(step, model.get_weights)
"""


def _cleverhans_v3(question: Question) -> str:
    section = question.training["optimizer"]
    objective = _objective(question, "cleverhans-v3")
    clipped = zeros = ""
    if section["clip_norm"] is not None:
        clipped = f"""\
        clipped, _ = tf.clip_by_global_norm([one for one, _ in gradients], {source(section["clip_norm"])})
        gradients = list(zip(clipped, model.trainable_weights))
"""
    if section["kind"] == "rmsprop":
        zeros = """\
        # Keras begins with zeros, TensorFlow 1 with ones.
        for weight in model.trainable_weights:
            slot = optimizer.get_slot(weight, "rms")
            slot.load(np.zeros(slot.shape, np.float32), session)
"""
    return f"""\
def cleverhans_v3():
    from cleverhans.attacks import FastGradientMethod
    from cleverhans.loss import CrossEntropy
    from cleverhans.model import CallableModelWrapper

    with tf.Graph().as_default(), tf.Session().as_default() as session:
        tf.set_random_seed(0)
{learning_phase(question)}        model = build_model()
        features = tf.placeholder("{question.dtype}", (None, *x.shape[1:]))
        y = tf.placeholder("{question.dtype}", (None, {question.classes}))
{v3_losses_source(question, "features")}{_optimizer_1(section, section["rate"] * objective["scale"])}
        gradients = optimizer.compute_gradients(
            losses["total_loss"],
            var_list=model.trainable_weights,
        )
{clipped}        # The update waits for the losses: otherwise they could see it.
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies([*updates, *losses.values()]):
            update = optimizer.apply_gradients(gradients)
        session.run(tf.global_variables_initializer())
        model.set_weights(weights)
{zeros}        one_hot = {one_hot_source(question)}

        def step(chosen):
            given = {{features: x[chosen], y: one_hot[chosen]}}
            session.run([*losses.values(), update], given)

        return train(step, lambda: session.run(model.weights))
"""


def _objective(question: Question, subject: str) -> Mapping[str, Any]:
    return question.settings[subject]["objective"]


def _keras_optimizer(question: Question, objective: Mapping[str, Any]) -> str:
    """See ``harness.subjects.keras2.optimizer``."""
    section = question.training["optimizer"]
    arguments = [source(section["rate"] * objective["scale"])]
    if section["kind"] != "adam" and section["momentum"]:
        arguments.append(f"momentum={source(section['momentum'])}")
    if section["kind"] == "sgd" and section["nesterov"]:
        arguments.append("nesterov=True")
    if section["clip_norm"] is not None:
        arguments.append(f"global_clipnorm={source(section['clip_norm'])}")
    if section["weight_decay"]:
        arguments.append(f"weight_decay={source(section['weight_decay'])}")
    name = {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSprop"}[section["kind"]]
    return call(f"tf.keras.optimizers.{name}", [*arguments, "jit_compile=False"], before="optimizer = ")


def _optimizer_1(section: Mapping[str, Any], rate: float) -> str:
    """See ``harness.subjects.cleverhans_v3_training``."""
    name, arguments = "GradientDescent", [source(rate)]
    if section["kind"] == "adam":
        name = "Adam"
        arguments += ["beta1=0.9", "beta2=0.999", "epsilon=1e-7"]
    elif section["kind"] == "rmsprop":
        name = "RMSProp"
        arguments += ["decay=0.9", f"momentum={source(section['momentum'])}", "epsilon=1e-7"]
    elif section["momentum"]:
        name = "Momentum"
        arguments += [source(section["momentum"]), f"use_nesterov={source(section['nesterov'])}"]
    return call(f"tf.train.{name}Optimizer", arguments, before="optimizer = ", indent=8)
