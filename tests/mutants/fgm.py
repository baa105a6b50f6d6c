"""The Fast Gradient Method, wrong in one thing each as such code is found to be, or written otherwise.

All in one module: subjects of one module share their workers.
"""

from tests.mutants.fgm_directions import *  # noqa: F403
from tests.mutants.fgm_losses import *  # noqa: F403
from tests.mutants.fgm_moves import *  # noqa: F403
from tests.mutants.fgm_rewritings import *  # noqa: F403
