"""Adversarial training: how the losses are weighed and differentiated, and what the step does with them."""

from __future__ import annotations

from harness.explain.cause import ONE_SIDE, Cause, Isolation, cleverhans_3, cleverhans_4, nsl

_ONE_MODEL_CALL = "calls model_fn(x); the mode is what the callable makes of it, in Keras inference"
_INFERENCE = {"training.mode": "inference", "training.attack_mode": "inference"}

CAUSES = (
    Cause(
        code="loss-weighting",
        title="The ratio of the clean to the adversarial loss",
        nature="default",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "AdversarialRegularization.call",
                667,
                "weighs 1 : multiplier, which is 0.2 unless it is stated",
            ),
            cleverhans_3(
                "loss", "CrossEntropy.__init__", 129, "weighs (1 - adv_coeff) : adv_coeff, by default 0.5 each"
            ),
            cleverhans_4(
                "tf2.attacks.fast_gradient_method",
                "fast_gradient_method",
                9,
                "has no training loss; its tutorial trains on adversarial examples only",
            ),
        ),
        matters="When nothing is stated: the adversarial loss counts a fifth of the clean one, or as much as it.",
        alike="With NSL's multiplier m give CleverHans adv_coeff = m / (1 + m); a factor is left, see learning-rate.",
        isolation=Isolation("step-default-weighting"),
        option="TrainingObjective.adversarial",
        settings={"training.weighting": ONE_SIDE, "training.match_scale": True},
    ),
    Cause(
        code="learning-rate",
        title="The factor 1 + m on the loss, which is one on the rate",
        nature="convention",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "AdversarialRegularization.call",
                667,
                "minimises clean + m * adversarial",
            ),
            cleverhans_3(
                "loss", "CrossEntropy.fprop", 141, "minimises that divided by 1 + m: its two weights add up to 1"
            ),
        ),
        matters=(
            "At the same ratio and the same rate: with plain SGD or momentum CleverHans's steps are shorter by 1 + m. "
            "Adam and RMSprop divide by the size of the gradient, so there the factor nearly cancels, but for their "
            "epsilon; with weight decay and gradient clipping no rate makes up for it."
        ),
        alike=(
            "With SGD or momentum multiply CleverHans's rate by 1 + m: the two are then one trajectory, unless 1 + m "
            "is so large that NSL's gradients overflow. With Adam and RMSprop leave the rate alone."
        ),
        isolation=Isolation("law-without-the-factor"),
        settings={"training.match_scale": True},
    ),
    Cause(
        code="gradient-flow",
        title="Whether the weights' gradient goes through the perturbation",
        nature="convention",
        libraries=(
            nsl(
                "lib.adversarial_neighbor", "_GenAdvNeighbor._apply_perturbations", 214, "stops it at the perturbation"
            ),
            cleverhans_3(
                "attacks.fast_gradient_method",
                "optimize_linear",
                219,
                "lets it through under l2 and l1, so that the step has a second derivative; under linf it stops it",
            ),
            cleverhans_4(
                "tf2.utils",
                "optimize_linear",
                198,
                "lets it through, too; its tutorial attacks outside of the tape, and so stops it",
            ),
        ),
        matters=(
            "In training under l2. Under linf and l1 the perturbation is piecewise constant: there is nothing to let "
            "through. Where weights stand before the perturbed input, the tutorial of 4.0.0 gives them no gradient of "
            "the adversarial loss at all, under any norm."
        ),
        alike=(
            "With CleverHans 3.1.0 put tf.stop_gradient around what the attack returns (an Attack of one's own whose "
            "generate does so). With 4.0.0 call the attack within the tape to let it through."
        ),
        isolation=Isolation("step-weights-before-the-input", {"attack.norm": "l2"}, pair=("nsl", "cleverhans-v3")),
        option="Conventions.gradient_flow",
    ),
    Cause(
        code="training-mode",
        title="The mode in which the model runs, in the losses and in the attack",
        nature="default",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "AdversarialRegularization._forward_pass",
                649,
                "attacks with the pass that gives the clean loss: in fit both are in training mode",
            ),
            cleverhans_3(
                "loss",
                "CrossEntropy.fprop",
                141,
                "passes training= on to the losses only; the attack follows Keras's learning phase",
            ),
            cleverhans_4("tf2.utils", "compute_gradient", 171, _ONE_MODEL_CALL),
        ),
        matters="Models with batch normalisation or dropout. All others compute the same in both modes.",
        alike=(
            "With CleverHans 3.1.0 set Keras's learning phase, which the attack reads. NSL's own training step has no "
            "choice: for inference write the loop around nsl.keras.adversarial_loss."
        ),
        isolation=Isolation("step-own-attack-mode"),
        option="TrainingAttack.training",
        settings=_INFERENCE,
    ),
    Cause(
        code="batch-statistics",
        title="Whether, and how often a step, moving statistics are updated",
        nature="convention",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "adversarial_loss",
                32,
                "calls the model on clean and on adversarial examples; in training mode each call moves them",
            ),
            cleverhans_3(
                "train", "train", 38, "runs what is in UPDATE_OPS, where Keras's layers put nothing: they never move"
            ),
            cleverhans_4(
                "tf2.utils",
                "compute_gradient",
                171,
                "in training mode moves them in the attack, too, and once more where it predicts the labels",
            ),
        ),
        matters=(
            "Models with batch normalisation, evaluated after training: statistics that never moved belong to the "
            "initial weights. And within a step, where an attack in training mode moves what a loss in inference mode "
            "then uses."
        ),
        alike="Freeze them on both sides, or with CleverHans 3.1.0 put the updates of the layers into UPDATE_OPS.",
        isolation=Isolation("step-training-mode", {"training.mode": "inference", "training.attack_mode": "training"}),
        option="TrainingObjective.statistics",
        settings=_INFERENCE,
    ),
    Cause(
        code="label-smoothing",
        title="Whether label smoothing reaches the attack",
        nature="convention",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "adversarial_loss",
                32,
                "has one loss for both, so it smooths there, too",
            ),
            cleverhans_3("loss", "CrossEntropy.fprop", 141, "attacks first and smooths afterwards: plain labels"),
            cleverhans_4(
                "tf2.attacks.fast_gradient_method", "fast_gradient_method", 9, "has a loss of its own: plain labels"
            ),
        ),
        matters=(
            "Training with smoothed labels. Of an example that is right by more than smoothing allows the gradient "
            "turns round, and NSL's attack then moves it to where the model is more certain."
        ),
        alike=(
            "Give CleverHans 4.0.0 a loss_fn= with smoothed labels. With NSL pass labeled_loss= and gradient_tape= of "
            "the plain loss to adversarial_loss."
        ),
        isolation=Isolation("step-label-smoothing", {"attack.norm": "linf"}),
        option="TrainingAttack.loss_fn",
        settings={"training.smoothing": None},
    ),
    Cause(
        code="sample-weights",
        title="Whether examples can be weighted",
        nature="missing feature",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "adversarial_loss",
                32,
                "weights both losses and the attack's; documented as one dimension, it needs a column (batch, 1)",
            ),
            cleverhans_3("loss", "CrossEntropy.fprop", 141, "has no weights"),
            cleverhans_4("tf2.attacks.fast_gradient_method", "fast_gradient_method", 9, "has none in the attack"),
        ),
        matters=(
            "The losses always. The attack only under l2, where a weight in NSL lifts a gradient above the floor of "
            "its norm or leaves it below; in CleverHans no weight reaches the attack. Under linf and l1 a positive "
            "weight changes no perturbation."
        ),
        alike="With CleverHans 3.1.0 write the weighted loss around the attack instead of using CrossEntropy.",
        isolation=Isolation("step-sample-weights-in-the-attack"),
        settings={"training.sample_weights": None},
    ),
    Cause(
        code="regularization",
        title="Whether the model's own losses are added to the total",
        nature="convention",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "AdversarialRegularization.call",
                667,
                "is a Keras model around the user's: its training step adds the losses of all layers",
            ),
            cleverhans_3("loss", "CrossEntropy.fprop", 141, "adds nothing to the two cross-entropies"),
        ),
        matters=(
            "Models with weight penalties (kernel_regularizer). A loop around nsl.keras.adversarial_loss adds nothing "
            "either, until its author does."
        ),
        alike="Add sum(model.losses) to CleverHans's loss.",
        isolation=Isolation("trained-with-own-regularisation"),
        option="TrainingObjective.regularization",
    ),
    Cause(
        code="optimizer-form",
        title="The arithmetic of the optimizer",
        nature="arithmetic",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "AdversarialRegularization.compile",
                500,
                "is trained by an optimizer of Keras",
            ),
            cleverhans_3("train", "train", 38, "makes TensorFlow 1's AdamOptimizer unless it is given another one"),
        ),
        matters=(
            "Adam and RMSprop. With the same settings they round 1 - 0.999^t differently: nearly equal numbers are "
            "subtracted at first. The defaults differ as well, and scenarios state them alike: epsilon is 1e-8 in Adam "
            "of TensorFlow 1 and 1e-7 in Keras, and the mean square of RMSprop begins with ones there, with zeros here."
        ),
        alike="State beta, epsilon and momentum to both. With SGD nothing is left to differ in.",
        isolation=Isolation(
            "law-and-optimizers",
            {"training.optimizer": {"adam": 1.0e-3}},
            pair=("cleverhans-v3", "reference-cleverhans"),
        ),
    ),
    Cause(
        code="random-draws",
        title="The order in which random numbers are drawn",
        nature="convention",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "adversarial_loss",
                32,
                "draws one mask for clean loss and attack, one for the other loss",
            ),
            cleverhans_3(
                "loss",
                "CrossEntropy.fprop",
                141,
                "draws in the attack and in either loss, whichever is in training mode",
            ),
            cleverhans_4(
                "tf2.utils", "compute_gradient", 171, "draws in the attack, before the step draws for its losses"
            ),
        ),
        matters=(
            "Dropout, and whatever else draws, in training mode. Two libraries then have two samples and not one "
            "trajectory: compare them over several seeds."
        ),
        alike="No seed makes them alike. To compare steps, run the model in inference mode or leave dropout out.",
        isolation=Isolation(
            "step-dropout",
            {"training.mode": "training", "training.attack_mode": "training"},
            pair=("nsl", "cleverhans-v3"),
        ),
        settings=_INFERENCE,
    ),
    Cause(
        code="batch-order",
        title="Which examples a step is given, and what becomes of a last batch that is not full",
        nature="default",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "AdversarialRegularization.compile",
                500,
                "is trained by fit of Keras, which ends an epoch with a smaller batch and shuffles by its own seed",
            ),
            cleverhans_3(
                "train",
                "train",
                38,
                "fills the last batch with examples drawn once more, and shuffles by the rng that it is given",
            ),
        ),
        matters=(
            "In every training: two libraries that are given the same data set see other batches, and where its size "
            "is no multiple of the batch 3.1.0 sees some examples twice in an epoch."
        ),
        alike="Make the batches yourself and give both the same, as this tool does.",
        isolation=None,
        unmeasured="Every subject is given the same batches, so that what differs is what a library does with them.",
    ),
    Cause(
        code="loss-limit",
        title="Whether a training ends at a loss that is extreme or no number",
        nature="default",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "AdversarialRegularization.compile",
                500,
                "is trained by fit of Keras, which goes on at any loss",
            ),
            cleverhans_3("train", "train", 38, "raises above loss_threshold=1e5, and at infinity and NaN"),
        ),
        matters=(
            "Trainings that fail: with 3.1.0 one ends at once with an error, with NSL it runs to its end and returns "
            "weights that are NaN."
        ),
        alike="Give fit the callback TerminateOnNaN, and train loss_threshold=np.inf.",
        isolation=None,
        unmeasured=(
            "Every subject takes its steps one by one and none of them is stopped; a comparison says at which step a "
            "side ceased to be finite (too-high-a-rate)."
        ),
    ),
)
