"""The attack of every subject as a user calls it, and the one compiled gradient that no attack can do without.

All of them go from the same batch by ``EPSILON`` under linf, with the labels given. Runs in a worker: TensorFlow is
imported here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.bench.training_steps import EPSILON, Work, batch_of, models_of, seconds_in_a_row
from harness.subjects import cleverhans_v3_training, nsl
from harness.subjects.environments import TENSORFLOW_1, TENSORFLOW_2

Call = Callable[[], Any]
"""Returns adversarial examples; the bare computation returns its gradient."""

BARE = "bare compiled gradient"


def examples(environment: str, work: Work) -> dict[str, np.ndarray]:
    """The adversarial examples of every call, float64. Compiles everything. Runs in a worker.

    Args:
        environment: by name; it decides which subjects there are.
        work: the model and the batch.
    """
    found = {name: np.asarray(call(), np.float64) for name, call in _calls(environment, work).items()}
    if BARE in found:
        found[BARE] = batch_of(work).inputs["x"] + EPSILON * np.sign(found[BARE])
    return found


def seconds_a_call(environment: str, work: Work, number: int) -> dict[str, float]:
    """Wall seconds of one call, the mean of a number of them in a row, by subject. Runs in a worker."""
    return seconds_in_a_row(_calls(environment, work), number)


@functools.lru_cache(maxsize=1)
def _calls(environment: str, work: Work) -> dict[str, Call]:
    """Kept for the next call: traces, graphs and sessions stay where they are."""
    if environment == TENSORFLOW_2.name:
        TENSORFLOW_2.begin()
        return _tensorflow_2(work)
    TENSORFLOW_1.begin()
    return _tensorflow_1(work)


def _tensorflow_2(work: Work) -> dict[str, Call]:
    import tensorflow as tf
    from cleverhans.tf2.attacks.fast_gradient_method import fast_gradient_method

    from harness import reference

    models, batch = models_of(work), batch_of(work)
    model, exact = models.build(), models.build(dtype="float64")
    x, labels = tf.constant(batch.inputs["x"]), tf.constant(batch.labels)
    library, loss = nsl.import_nsl(), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    wrapper = library.keras.AdversarialRegularization(
        model, label_keys=[nsl.LABEL], adv_config=library.configs.make_adv_reg_config(**_NSL)
    )
    wrapper.compile(optimizer="sgd", loss=loss)
    features = {"x": x, nsl.LABEL: labels}
    config = reference.make_adv_reg_config(**_NSL)
    bare = compiled_gradient(model)
    return {
        BARE: lambda: bare(x, labels),
        "nsl": lambda: wrapper.perturb_on_batch(features)["x"],
        "cleverhans-v4": lambda: fast_gradient_method(model, x, EPSILON, np.inf, y=labels),
        "reference-nsl": lambda: reference.perturb(x, labels, model, loss, adv_config=config),
        "reference-cleverhans": lambda: reference.fast_gradient_method(model, x, EPSILON, np.inf, y=labels),
        "reference-float64": lambda: (
            reference.yardstick(exact, batch.inputs["x"], batch.labels, epsilon=EPSILON, norm="linf").adversarial
        ),
    }


_NSL = {"adv_step_size": EPSILON, "adv_grad_norm": "infinity"}


def compiled_gradient(model: Any) -> Callable[..., Any]:
    """The gradient of the summed cross-entropy with respect to x: a compiled function of x and class indices."""
    import tensorflow as tf

    @tf.function(autograph=False)
    def gradient(x: Any, labels: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(x))
        return tape.gradient(loss, x)

    return gradient


def _tensorflow_1(work: Work) -> dict[str, Call]:
    """The attack's graph is made once, and run in a session."""
    tf1, cleverhans = cleverhans_v3_training.import_cleverhans()
    batch = batch_of(work)
    with tf1.Graph().as_default():
        session = tf1.Session()
        with session.as_default():
            wrapped = cleverhans.model.CallableModelWrapper(models_of(work).build(), "logits")
            x = tf1.placeholder(tf1.float32, batch.inputs["x"].shape)
            labels = tf1.placeholder(tf1.float32, batch.one_hot.shape)
            attack = cleverhans.attacks.FastGradientMethod(wrapped, sess=session)
            run = session.make_callable(attack.generate(x, eps=EPSILON, y=labels), feed_list=[x, labels])
    one_hot = batch.one_hot
    return {"cleverhans-v3": lambda: run(batch.inputs["x"], one_hot)}
