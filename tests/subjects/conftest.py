"""Running a test's own function in a worker of a subject's environment."""

import pytest

from harness.engine.workers import Workers
from harness.subjects.environments import TENSORFLOW_1


@pytest.fixture(scope="module")
def in_tensorflow_1(request):
    """Calls a function of the test's module, with arguments that can be pickled, where TensorFlow is version 1."""
    workers = Workers()

    def run(function, *arguments):
        scope = {"path": str(request.path), "name": function.__name__, "arguments": arguments}
        call = "__import__('runpy').run_path(path)[name](*arguments)"
        return workers.submit(TENSORFLOW_1, eval, call, scope, workers=1, timeout=300.0).result()

    yield run
    workers.close()
