"""What a user waits for: a small real run, interrupted and opened."""

import sys

import pytest

from harness.bench.waiting import INTERRUPTED, OPENS, interrupted, rows
from harness.vocabulary import HarnessError
from tests.report.browsing import IN_A_BROWSER


def test_a_run_that_ends_by_itself_was_not_interrupted(tmp_path):
    with pytest.raises(HarnessError, match="before it could be interrupted"):
        interrupted([sys.executable, "-c", "pass"], tmp_path)


class TestInABrowser:
    pytestmark = IN_A_BROWSER

    @pytest.mark.long
    def test_a_run_is_interrupted_and_its_report_opened(self):
        ended, opened = rows(repetitions=1, cases=100)
        assert (ended.name, opened.name) == ("100 cases: Ctrl-C to the end of the run", "100 cases: report.html opens")
        assert (ended.limit, opened.limit) == (INTERRUPTED, OPENS)
        assert ended.median > 0.0
        assert opened.median > 0.0
