"""``python -m tests.mutants``: is every seeded defect caught by a shipped scenario, and no correct rewriting by any?

Exit status 0 if so, 1 if not, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from harness.engine.run import Options
from harness.report.terminal import TerminalListener
from harness.scenario.paths import shipped_scenarios
from harness.scenario.select import load_cases
from tests.mutants.conduct import FAMILIES, conduct
from tests.mutants.kinds import mutants_of
from tests.mutants.table import failures, table


def main() -> int:
    """Parses, runs, prints."""
    arguments = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("-k", metavar="TEXT", default="", help="only mutants with this in module:name")
    arguments.add_argument("-c", "--cases", metavar="EXPR", help="only cases whose id satisfies EXPR")
    arguments.add_argument("-j", "--jobs", metavar="N", type=int, default=os.cpu_count() or 1, help="workers")
    arguments.add_argument(
        "--store", metavar="DIR", type=Path, default=Path("reports/.store"), help="what is kept between runs"
    )
    given = arguments.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # the mutants' modules import TensorFlow to make their functions
    cases = load_cases([shipped_scenarios()], keyword=given.cases)
    found = []
    try:
        for family in FAMILIES:
            mutants = [mutant for mutant in mutants_of([family.module]) if given.k in mutant.subject]
            if mutants:
                with TerminalListener() as listener:
                    options = Options(store=given.store, jobs=given.jobs)
                    found += conduct(mutants, family, cases, options, listener.handle)
    except KeyboardInterrupt:
        return 130
    print(table(found))
    print(failures(found), file=sys.stderr)
    return 0 if found and all(one.as_it_should_be for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
