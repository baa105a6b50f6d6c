"""What the libraries chose for their users between the loss and the adversarial example, and how they compute it."""

from __future__ import annotations

from harness.explain.cause import Cause, Isolation, cleverhans_3, cleverhans_4, nsl

CAUSES = (
    Cause(
        code="loss-reduction",
        title="Whether the attack ascends a mean over the batch or one loss an example",
        nature="convention",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "_LossWrapper.__call__",
                189,
                "averages over the batch, so every gradient is divided by the number of examples",
            ),
            cleverhans_4(
                "tf2.utils", "compute_gradient", 171, "has one loss an example, so that the batch does not matter"
            ),
            cleverhans_3("attacks.fast_gradient_method", "fgm", 132, "has one loss an example, too"),
        ),
        matters=(
            "Under l2. Both libraries normalise a gradient by at least 1e-6 (the floor of 1e-12 under the sum of "
            "squares), and NSL's has been divided by the batch before it meets that floor: examples on which the model "
            "is confident move less than epsilon, the less the larger the batch. Under linf and l1 a factor on the "
            "gradient changes nothing until it underflows."
        ),
        alike=(
            "Compile NSL's model with a loss whose reduction is 'sum'. Or give CleverHans a loss_fn= that "
            "takes the mean."
        ),
        isolation=Isolation("small-gradients", {"attack.norm": "l2", "model.init.scale": 1.0e-5}),
        option="mean_over_batch",
        settings={"attack.loss_reduction": "sum"},
    ),
    Cause(
        code="nonfinite-gradient",
        title="What becomes of elements of the gradient that are infinite or NaN",
        nature="convention",
        libraries=(
            nsl(
                "lib.adversarial_neighbor",
                "_GenAdvNeighbor._compute_gradient",
                115,
                "takes them for 0, so that these elements stay and the others of the example move",
            ),
            cleverhans_4(
                "tf2.utils",
                "optimize_linear",
                198,
                "passes them on: NaN stays NaN, and under l2 and l1 spoils the example",
            ),
            cleverhans_3("attacks.fast_gradient_method", "optimize_linear", 219, "passes them on, too"),
        ),
        matters=(
            "Where a gradient overflows or is undefined: very large weights or inputs, a loss of infinity. One library "
            "then hides it, the other returns NaN, and a training on that ends."
        ),
        alike=(
            "No setting of either does it. Keep gradients finite, or wrap CleverHans's model_fn in a function whose "
            "gradient (tf.custom_gradient) has 0 in place of what is not finite."
        ),
        isolation=Isolation("nonfinite-gradients"),
        option="Conventions.nonfinite",
    ),
    Cause(
        code="prediction-ties",
        title="Which class is attacked where several tie for the prediction",
        nature="convention",
        libraries=(
            nsl("keras.adversarial_regularization", "adversarial_loss", 32, "predicts no labels: it gets them"),
            cleverhans_4(
                "tf2.attacks.fast_gradient_method", "fast_gradient_method", 9, "attacks the first one (argmax)"
            ),
            cleverhans_3(
                "attacks.attack",
                "Attack.get_or_guess_labels",
                260,
                "compares probabilities and attacks all that tie at once; fgm shares the label evenly among them",
            ),
        ),
        matters=(
            "Models that give classes the same output: not trained yet, without biases at an input of zeros, or "
            "saturated until several probabilities round alike. 3.1.0 takes a softmax before it compares, so logits "
            "that differ may tie there: with weights of 1e-9 all classes do, in every example "
            "(predictions-that-round-alike). Where all tie, nothing is to be gained in any direction, and 3.1.0 leaves "
            "the example as it is."
        ),
        alike="Give y= to both.",
        isolation=Isolation("tied-predictions", {"attack.norm": "linf"}, pair=("cleverhans-v4", "cleverhans-v3")),
        settings={"attack.labels": "given"},
    ),
    Cause(
        code="l2-form",
        title="g * rsqrt(sum g^2) or g / sqrt(sum g^2)",
        nature="arithmetic",
        libraries=(
            nsl(
                "lib.utils",
                "maximize_within_unit_norm",
                212,
                "multiplies by the reciprocal root: g * rsqrt(max(s, 1e-12))",
            ),
            cleverhans_4("tf2.utils", "optimize_linear", 198, "divides by the root: g / sqrt(max(1e-12, s))"),
            cleverhans_3("attacks.fast_gradient_method", "optimize_linear", 219, "divides by the root, too"),
        ),
        matters="Under l2, in the last bits of the perturbation. Only a test for equal bits sees it.",
        alike="No setting does it. Compare with a tolerance of a few units of round-off.",
        isolation=Isolation(
            "configured-alike", {"attack.norm": "l2", "attack.epsilon": 0.1}, pair=("nsl", "cleverhans-v4")
        ),
        option="Conventions.l2",
    ),
    Cause(
        code="step-form",
        title="The perturbation as (d*s + x) - x0 or as d*s",
        nature="arithmetic",
        libraries=(
            nsl(
                "lib.adversarial_neighbor",
                "_GenAdvNeighbor._compute_perturbations",
                177,
                "forms (d*s + x) - x0, which a second step needs and which costs the first two roundings more",
            ),
            cleverhans_4("tf2.attacks.fast_gradient_method", "fast_gradient_method", 9, "adds d*s to x"),
            cleverhans_3("attacks.fast_gradient_method", "fgm", 132, "adds d*s to x"),
        ),
        matters=(
            "Where a feature is infinite: inf - inf is NaN, so in NSL it becomes NaN even if its gradient is 0, and so "
            "does the loss; CleverHans leaves it as it is. Of finite numbers the perturbation has other last bits, but "
            "added to x, which undoes the subtraction, it gives the same adversarial example; only where that rounds "
            "to a power of two it may be one unit less (sums-that-round-to-a-power-of-two). So it is in half "
            "precision, in which all numbers have been tried, and larger precisions round by the same rule."
        ),
        alike=(
            "Keep features finite, by a layer or before the model. Then compare adversarial examples and not "
            "perturbations: of these no setting makes the last bits alike."
        ),
        isolation=Isolation("step-infinite-features"),
        option="Conventions.offset",
    ),
    Cause(
        code="clip-order",
        title="Which bound wins where the lower one exceeds the upper",
        nature="convention",
        libraries=(
            nsl(
                "lib.adversarial_neighbor",
                "_apply_feature_constraints",
                32,
                "raises to the lower bound first, so the upper one wins",
            ),
            cleverhans_4(
                "tf2.attacks.fast_gradient_method",
                "fast_gradient_method",
                9,
                "uses tf.clip_by_value: the lower one wins",
            ),
            cleverhans_3("utils_tf", "clip_by_value", 664, "uses tf.clip_by_value: the lower one wins"),
        ),
        matters=(
            "Only for a range that is empty, by mistake: with bounds of 0.6 and 0.4 every element becomes 0.4 in NSL "
            "and 0.6 in CleverHans 4.0.0, while 3.1.0 refuses inputs that do not lie between them."
        ),
        alike="State a range whose lower bound lies below the upper one.",
        isolation=None,
        unmeasured="Scenario files refuse an empty range, and of any other both orders make the same.",
        option="Conventions.clip",
    ),
)
