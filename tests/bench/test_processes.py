"""What is seen of a process from outside. Real processes."""

import os
import sys

import pytest

from harness.bench.processes import measure
from harness.vocabulary import HarnessError


def python(code):
    return [sys.executable, "-c", code]


def test_a_process_is_measured_in_seconds_and_megabytes():
    small = measure(python("import time; time.sleep(0.5)"))
    large = measure(python("import time; kept = bytearray(100_000_000); time.sleep(0.5)"))
    assert small.seconds >= 0.5
    assert 95 <= large.megabytes - small.megabytes <= 120


def test_the_memory_of_what_a_process_starts_is_not_its_own():
    child = "import time; kept = bytearray(200_000_000); time.sleep(0.3)"
    assert measure(python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")).megabytes < 100


def test_a_process_has_the_variables_besides_those_of_this_one():
    code = "import os; assert os.environ['HARNESS_TEST'] == 'set' and os.environ['PATH'] == {!r}"
    measure(python(code.format(os.environ["PATH"])), variables={"HARNESS_TEST": "set"})


def test_a_process_that_fails_has_no_figures_but_a_reason():
    with pytest.raises(HarnessError, match=r"ended with status 3: first / last words"):
        measure(python("print('first'); print('last words'); raise SystemExit(3)"))
    assert measure(python("raise SystemExit(3)"), accepted=(0, 3)).seconds > 0
