"""The whole set as a plain script: what a user would write who wants the adversarial examples and nothing else.

It reads the same scenario files, trains each model once, and calls each library's function for every case that the
library can express, one model after another. No store, no hashes, no comparing, no evaluation of what came out, no
report, no time limit. cleverhans 3.1.0 needs a process of its own, so the script runs twice: first for TensorFlow 2,
which leaves weights and batches in a folder, then for TensorFlow 1, which takes them from there.

``python -m harness.bench.plain tensorflow-2|tensorflow-1 FOLDER SCENARIOS [EXPR]``, with the environment's variables
set: single-threaded, as the workers are. Leaves the number of calls by subject in ``FOLDER/calls-ENVIRONMENT.json``.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from harness.scenario.select import load_cases
from harness.subjects.environments import TENSORFLOW_1, TENSORFLOW_2


def main() -> None:
    """Runs the script for the environment, folder, scenarios and selection on the command line."""
    environment, folder, scenarios, *expression = sys.argv[1:]
    if environment == TENSORFLOW_2.name:
        from harness.bench.plain_tensorflow_2 import answers
    else:
        sys.path[:0] = TENSORFLOW_1.paths
        from harness.bench.plain_tensorflow_1 import answers
    cases = load_cases([scenarios], keyword=expression[0] if expression else None)
    calls = Counter(answer.subject for answer in answers(cases, Path(folder)))
    Path(folder, f"calls-{environment}.json").write_text(json.dumps(calls), encoding="utf-8")


if __name__ == "__main__":
    main()
