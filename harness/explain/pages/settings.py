"""Settings of the attack that users choose, and what holds where they do not."""

from __future__ import annotations

from harness.explain.cause import ONE_SIDE, Cause, Isolation, cleverhans_3, cleverhans_4, nsl

CAUSES = (
    Cause(
        code="label-source",
        title="Whose labels the attack ascends: the given or the predicted ones",
        nature="default",
        libraries=(
            nsl("keras.adversarial_regularization", "adversarial_loss", 32, "ascends the loss of the given labels"),
            cleverhans_4(
                "tf2.attacks.fast_gradient_method",
                "fast_gradient_method",
                9,
                "without y= takes the predicted class, the first of several largest logits",
            ),
            cleverhans_3(
                "attacks.attack",
                "Attack.get_or_guess_labels",
                260,
                "without y= takes the predicted classes; so does CrossEntropy unless pass_y=True",
            ),
        ),
        matters=(
            "On every example that the model gets wrong the two attacks climb different losses, and under linf signs "
            "flip by twice epsilon. A model that makes no error on the batch shows nothing of it, so it is large at "
            "the beginning of a training and may vanish at its end."
        ),
        alike=(
            "Give y= to CleverHans (3.1.0: one column a class; in CrossEntropy pass_y=True). The other way round, hand "
            "the predicted classes to NSL as the labels of perturb_on_batch; in training NSL has no such choice, since "
            "its attack ascends the training loss itself."
        ),
        isolation=Isolation("default-labels", {"attack.norm": "linf", "model.pretrain.epochs": 1}),
        option="TrainingAttack.labels",
        settings={"attack.labels": "given"},
    ),
    Cause(
        code="output-kind",
        title="Whether what the model returns is taken for logits or probabilities",
        nature="default",
        libraries=(
            nsl(
                "keras.adversarial_regularization",
                "_compute_loss_and_metrics",
                360,
                "uses the loss that the model was compiled with, so what Keras was told of its output",
            ),
            cleverhans_4(
                "tf2.attacks.fast_gradient_method",
                "fast_gradient_method",
                9,
                "without loss_fn= takes any output for logits, so that probabilities go through a second softmax",
            ),
            cleverhans_3(
                "attacks.fast_gradient_method",
                "fgm",
                132,
                "asserts that the output does not come from a softmax, and so refuses probabilities",
            ),
        ),
        matters=(
            "A model that ends in a softmax. The second softmax changes the direction of the gradient: a few signs "
            "flip on an ordinary model, an eighth of them on a very confident one."
        ),
        alike=(
            "Let the model return logits. Or give CleverHans 4.0.0 a loss_fn= of labels and logits that is the "
            "cross-entropy of probabilities, such as tf.keras.losses.sparse_categorical_crossentropy."
        ),
        isolation=Isolation("probabilities-taken-for-logits", {"attack.norm": "linf"}),
        option="fast_gradient_method",
        settings={"attack.loss": "cross_entropy"},
    ),
    Cause(
        code="epsilon",
        title="The length of the perturbation",
        nature="default",
        libraries=(
            nsl("configs.configs", "AdvNeighborConfig", 38, "takes 0.001 unless adv_step_size is stated"),
            cleverhans_4(
                "tf2.attacks.fast_gradient_method", "fast_gradient_method", 9, "has no default: eps must be stated"
            ),
            cleverhans_3(
                "attacks.fast_gradient_method",
                "FastGradientMethod.parse_params",
                65,
                "takes 0.3 unless eps is stated",
            ),
        ),
        matters=(
            "Always. With their defaults one attack is 300 times as long as the other, and in another norm: NSL's is "
            "hardly felt by an ordinary model, and a training with it hardly makes one robust."
        ),
        alike="State it to both: adv_step_size= to NSL, eps= to CleverHans, in units of x.",
        isolation=Isolation("default-epsilon"),
        option="TrainingAttack.epsilon",
        settings={"attack.epsilon": ONE_SIDE},
    ),
    Cause(
        code="norm",
        title="The norm in which the perturbation has its length",
        nature="default",
        libraries=(
            nsl("configs.configs", "AdvNeighborConfig", 38, "takes l2 unless adv_grad_norm is stated"),
            cleverhans_4(
                "tf2.attacks.fast_gradient_method", "fast_gradient_method", 9, "has no default: norm must be stated"
            ),
            cleverhans_3(
                "attacks.fast_gradient_method",
                "FastGradientMethod.parse_params",
                65,
                "takes linf unless ord is stated",
            ),
        ),
        matters=(
            "Always. Epsilon in linf moves every element by epsilon, so with n elements its l2 norm is epsilon times "
            "the square root of n; in l1 one element takes all of it, or several that tie share it."
        ),
        alike="State it to both: adv_grad_norm='infinity', 'l2' or 'l1' to NSL; norm= (3.1.0: ord=) np.inf, 2 or 1.",
        isolation=Isolation("default-norm"),
        option="TrainingAttack.norm",
        settings={"attack.norm": ONE_SIDE},
    ),
    Cause(
        code="clip",
        title="The range into which adversarial examples are brought",
        nature="missing feature",
        libraries=(
            nsl(
                "lib.adversarial_neighbor",
                "_apply_feature_constraints",
                32,
                "clips to clip_value_min, to clip_value_max, to both or to neither",
            ),
            cleverhans_4(
                "tf2.attacks.fast_gradient_method",
                "fast_gradient_method",
                9,
                "clips to both bounds or to neither: it asserts that one is not given alone",
            ),
            cleverhans_3(
                "attacks.fast_gradient_method",
                "fgm",
                132,
                "asserts the same, and unless sanity_checks=False also that the inputs lie in the range; with "
                "clip_grad=True it alone ignores the gradient where the range would undo the step",
            ),
        ),
        matters=(
            "By default nobody clips, so it shows where a range is stated on one side only. Inputs that lie outside "
            "of the range are moved into it by all but 3.1.0, which refuses them."
        ),
        alike=(
            "State both bounds to both libraries. For one bound alone, give CleverHans a second one that the data "
            "never reach. For inputs outside of the range give 3.1.0 sanity_checks=False."
        ),
        isolation=Isolation("clipping"),
        option="TrainingAttack.clip",
        settings={"attack.clip": ONE_SIDE},
    ),
    Cause(
        code="feature-mask",
        title="Whether features can be kept from moving",
        nature="missing feature",
        libraries=(
            nsl("lib.utils", "apply_feature_mask", 456, "multiplies the gradient by feature_mask before the norm"),
            cleverhans_4("tf2.attacks.fast_gradient_method", "fast_gradient_method", 9, "has no mask"),
            cleverhans_3("attacks.fast_gradient_method", "fgm", 132, "has no mask"),
        ),
        matters=(
            "Where some features must not change: categories, masks, columns that an attacker cannot reach. NSL's "
            "apply_feature_mask compares the mask with float32 constants, so of a float64 array, such as NumPy's, it "
            "raises, whatever the features are: give it in float32."
        ),
        alike=(
            "With CleverHans wrap the model so that the fixed features enter as constants. Under linf a mask of zeros "
            "and ones can also be put on the perturbation afterwards; under l2 and l1 the norm would be another one."
        ),
        isolation=Isolation("feature-mask"),
        option="AdvNeighborConfig.feature_mask",
    ),
    Cause(
        code="target",
        title="Whether the attack can aim at a class",
        nature="missing feature",
        libraries=(
            nsl("configs.configs", "AdvNeighborConfig", 38, "has no target; its attack only ascends"),
            cleverhans_4(
                "tf2.attacks.fast_gradient_method",
                "fast_gradient_method",
                9,
                "with targeted=True descends the loss of y",
            ),
            cleverhans_3("attacks.fast_gradient_method", "fgm", 132, "with y_target= descends the loss of that class"),
        ),
        matters="Where the question is whether a model can be driven to one class, not only away from the true one.",
        alike=(
            "In NSL compile the model with the negative of the loss and hand the target class to it as the label: to "
            "ascend that is to descend the loss of the target."
        ),
        isolation=Isolation("targeted"),
        option="fast_gradient_method",
    ),
    Cause(
        code="several-inputs",
        title="Whether a model may have several inputs, and over what the norm is taken",
        nature="missing feature",
        libraries=(
            nsl(
                "lib.utils",
                "maximize_within_unit_norm",
                212,
                "moves all inputs at once, and takes one norm over all of them",
            ),
            cleverhans_4("tf2.attacks.fast_gradient_method", "fast_gradient_method", 9, "takes one tensor"),
            cleverhans_3("attacks.fast_gradient_method", "FastGradientMethod.generate", 40, "takes one tensor"),
        ),
        matters=(
            "Models with several inputs. Under l2 and l1 an attack on one input after the other would give each of "
            "them a perturbation of length epsilon, and NSL gives all of them together one."
        ),
        alike=(
            "Give CleverHans one tensor with the inputs side by side, and a model_fn that takes it apart: then the "
            "norm is over all of them, too."
        ),
        isolation=Isolation("named-inputs"),
    ),
    Cause(
        code="dtype",
        title="The precision in which the attack is computed",
        nature="defect",
        libraries=(
            nsl(
                "lib.adversarial_neighbor",
                "is_differentiable_tensor",
                42,
                "computes in the precision of the features, and leaves features of whole numbers as they are",
            ),
            cleverhans_4("tf2.attacks.fast_gradient_method", "fast_gradient_method", 9, "casts its input to float32"),
            cleverhans_3(
                "attacks.fast_gradient_method",
                "optimize_linear",
                219,
                "takes a dtypestr, yet under l2 and l1 mixes float32 constants into a float64 gradient, and TensorFlow "
                "raises",
            ),
        ),
        matters=(
            "Models in double precision: CleverHans 4.0.0 answers in single precision without a word, 3.1.0 in double "
            "precision under linf alone. And features of whole numbers, such as uint8 images: 4.0.0 casts and moves "
            "them, NSL leaves them as they are and says so in the log only."
        ),
        alike=(
            "Cast the features to float32 and run the attack in it on both sides; under linf 3.1.0 and NSL agree in "
            "float64, too."
        ),
        isolation=Isolation("double-precision"),
        settings={"attack.dtype": "float32"},
    ),
)
