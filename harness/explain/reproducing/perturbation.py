"""Kind perturbation: one function of a script for each subject, which returns adversarial examples by input."""

from __future__ import annotations

from harness.explain.reproducing.calls import (
    Question,
    attack_loss_source,
    config_source,
    cross_entropy_source,
    fgm_arguments,
    function_name,
    generate_arguments,
    generate_loss_source,
)
from harness.explain.reproducing.text import Source, call, keywords
from harness.vocabulary import is_own


def perturbation_source(subject: str, question: Question) -> str:
    """The function that runs the subject's attack."""
    if subject == "nsl":
        return _nsl(question)
    if subject == "cleverhans-v3":
        return _cleverhans_v3(question)
    return _fast_gradient_method(subject, question)


def _nsl(question: Question) -> str:
    given = "labels"
    predicted = ""
    if question.attack.get("labels") == "predicted":
        given = "predicted"
        tensors = "tf.constant(x)" if len(question.names) == 1 else "inputs"
        predicted = (
            "    # NSL takes any labels; these are the ones that the model predicts.\n"
            f"    output = np.asarray(model({tensors}, training=False))\n"
            "    predicted = output.argmax(axis=1).astype(np.int32)\n"
        )
    wrapper = call(
        "nsl.keras.AdversarialRegularization",
        ["model", 'label_keys=["label"]', "adv_config=config"],
        before="adversarial_model = ",
    )
    loss = cross_entropy_source(question, reduction=question.attack.get("loss_reduction", "mean"))
    return f"""\
def nsl():
    import neural_structured_learning as nsl

    model = build_model()
{predicted}{config_source(question, by_name=True)}
{wrapper}
{loss}
    adversarial_model.compile(optimizer="sgd", loss=loss_fn)
    adversarial = adversarial_model.perturb_on_batch({{**inputs, "label": {given}}})
    return {{name: np.asarray(adversarial[name]) for name in inputs}}
"""


def _fast_gradient_method(subject: str, question: Question) -> str:
    arguments = fgm_arguments(question, with_loss=True)
    module, function = "cleverhans.tf2.attacks.fast_gradient_method", "fast_gradient_method"
    given, seed = ["build_model()", "x", *keywords(arguments)], ""
    if is_own(subject):
        module, _, function = subject.partition(":")
        if "y" in arguments:
            arguments["y"] = Source(f"tf.constant({arguments['y']})")
        model = {"model_fn": Source("model"), "x": Source("tf.constant(x)")}
        given, seed = keywords(model | arguments), "    model = build_model()\n    tf.keras.utils.set_random_seed(0)\n"
    return f"""\
def {function_name(subject)}():
    from {module} import {function}

{attack_loss_source(question, with_loss=True)}{seed}{call(function, given, before="adversarial = ")}
    return {{"{question.names[0]}": np.asarray(adversarial)}}
"""


def _cleverhans_v3(question: Question) -> str:
    arguments = generate_arguments(question)
    one_hot = f"    one_hot = np.eye({question.classes}, dtype=x.dtype)\n"
    needs_labels = "y" in arguments or "y_target" in arguments
    attack = call(
        "FastGradientMethod",
        ['CallableModelWrapper(model, "logits")', "sess=session", "dtypestr=str(x.dtype)"],
        before="attack = ",
        indent=8,
    )
    generate = call("attack.generate", ["features", *keywords(arguments)], before="adversarial = ", indent=8)
    return f"""\
def cleverhans_v3():
    from cleverhans.attacks import FastGradientMethod
    from cleverhans.model import CallableModelWrapper

{generate_loss_source(question)}{one_hot if needs_labels else ""}\
    with tf.Graph().as_default(), tf.Session().as_default() as session:
        tf.set_random_seed(0)
        model = build_model()
        features = tf.placeholder(x.dtype, x.shape)
{attack}
{generate}
        return {{"{question.names[0]}": session.run(adversarial, {{features: x}})}}
"""
