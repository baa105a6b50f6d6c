"""A user's package with implementations of both signatures, right and wrong; tests copy it to a folder of its own."""

import numpy as np
import tensorflow as tf


def fgsm(model_fn, x, eps, norm, loss_fn=None, clip_min=None, clip_max=None, y=None, targeted=False):
    """Right: a sum where CleverHans has one loss an example, and its own order of operations. Returns an array."""
    loss_fn = loss_fn or tf.nn.sparse_softmax_cross_entropy_with_logits
    y = tf.argmax(model_fn(x), 1) if y is None else y
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(loss_fn(labels=y, logits=model_fn(x)))
    direction = _direction(tape.gradient(loss, x), norm)
    moved = x + (-eps if targeted else eps) * direction
    return (moved if clip_min is None else tf.clip_by_value(moved, clip_min, clip_max)).numpy()


def _direction(gradient, norm):
    axes = list(range(1, len(gradient.shape)))
    if norm == np.inf:
        return tf.sign(gradient)
    if norm == 2:
        return gradient / tf.sqrt(tf.maximum(1e-12, tf.reduce_sum(gradient**2, axes, keepdims=True)))
    size = tf.abs(gradient)
    largest = tf.cast(size == tf.reduce_max(size, axes, keepdims=True), gradient.dtype)
    return tf.sign(gradient) * largest / tf.reduce_sum(largest, axes, keepdims=True)


def too_far(model_fn, x, eps, norm, loss_fn=None, clip_min=None, clip_max=None, y=None, targeted=False):
    """Wrong under l2: a hundredth too far."""
    return fgsm(model_fn, x, eps * 1.01 if norm == 2 else eps, norm, loss_fn, clip_min, clip_max, y, targeted)


def unclipped(model_fn, x, eps, norm, y=None, *, further=0):
    """Lacks what most cases do not need, and has a parameter that the original lacks."""
    from my_package import factors  # only when it is called

    return fgsm(model_fn, x, eps * factors.OF_EPSILON, norm, y=y)


def half(model_fn, x, eps, norm, y=None):
    """Wrong: in half precision."""
    return tf.cast(fgsm(model_fn, x, eps, norm, y=y), tf.float16)


def unfinished(model_fn, x, eps, norm, y=None):
    """Raises."""
    raise NotImplementedError("not yet")


def loss(features, labels, model, loss_fn, sample_weights=None, adv_config=None, model_kwargs=None):
    """Right: works the clean loss out for itself."""
    config, kwargs = adv_config.adv_neighbor_config, model_kwargs or {}
    norm = {"infinity": np.inf, "l2": 2, "l1": 1}[getattr(config.adv_grad_norm, "value", config.adv_grad_norm)]
    with tf.GradientTape() as tape:
        tape.watch(features)
        clean = loss_fn(labels, model(features, **kwargs), sample_weights)
    step = tf.stop_gradient(config.adv_step_size * _direction(tape.gradient(clean, features), norm))
    return loss_fn(labels, model(features + step, **kwargs), sample_weights)


def eager_loss(features, labels, model, loss_fn, sample_weights=None, adv_config=None, model_kwargs=None):
    """Right, and cannot be compiled."""
    assert np.isfinite(features.numpy()).all()
    return loss(features, labels, model, loss_fn, sample_weights, adv_config, model_kwargs)


def unweighted_loss(features, labels, model, loss_fn, sample_weights=None, adv_config=None, model_kwargs=None):
    """Wrong: forgets the weights of the examples."""
    return loss(features, labels, model, loss_fn, None, adv_config, model_kwargs)
