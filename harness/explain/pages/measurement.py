"""Words of this tool about what it measured, where no setting of a library is the cause."""

from __future__ import annotations

from harness.explain.cause import Cause, Isolation

CAUSES = (
    Cause(
        code="round-off",
        title="The same operations, rounded differently",
        nature="measurement",
        libraries=(),
        matters=(
            "What is left when all settings that differ have been changed. Within one step it is a few units in the "
            "last place. Along a training it grows, at a rate that the noise twin shows: the same training from "
            "initial weights that are nudged by one unit in the last place."
        ),
        alike="Nothing is to be done. A comparison that round-off explains is CLOSE, and no divergence.",
        isolation=Isolation(
            "configured-alike",
            {"attack.norm": "l2", "attack.epsilon": 0.1},
            pair=("cleverhans-v4", "cleverhans-v3"),
        ),
    ),
    Cause(
        code="unexplained",
        title="No known setting leads from one side to the other",
        nature="measurement",
        libraries=(),
        matters=(
            "Always: it is news. The settings that differ were changed one by one on the reimplementation, and its "
            "result did not meet that of the library at one end. The sentence of the comparison says at which, and by "
            "how much. Either the library does what nobody knew, or the case has a setting that no cause stands for."
        ),
        alike=(
            "Reduce the case with harness reduce, make a script of it with harness repro, and look for the first "
            "number that differs."
        ),
        isolation=None,
        unmeasured="What a shipped scenario shows is explained.",
    ),
)
