"""Workers for the tests of a file."""

import pytest

from harness.engine.workers import Workers


@pytest.fixture(scope="module")
def workers():
    workers = Workers()
    yield workers
    workers.close()
