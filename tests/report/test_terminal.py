"""The terminal, and a log that is none."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.engine.events import CaseJudged, Explaining, Finished, OutcomeReady, Planned, ProblemReady, Progressed
from harness.report.progress import Tally
from harness.report.summary import summary_text
from harness.report.terminal import TerminalListener
from harness.report.text import printable

from .conftest import CONTROL, HOSTILE

UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2028\u2029]")

SCRIPT = """
import os, sys
from contextlib import suppress
from pathlib import Path
from harness.engine.record import load_run
from harness.engine.events import OutcomeReady, Planned
from harness.report.terminal import TerminalListener

folder = Path(sys.argv[1])
run = load_run(folder)
with suppress(KeyboardInterrupt), TerminalListener() as listener:
    listener.handle(Planned(0, run.totals["outcomes"], run.totals["cases"]))
    if "interrupt" in os.environ:
        raise KeyboardInterrupt
    for record in run.cases:
        for outcome in record.outcomes:
            listener.handle(OutcomeReady(record.case, outcome))
listener.summarize(run, folder)
"""


def events(run):
    """What the engine says of a run, in its order."""
    yield Planned(2, run.totals["outcomes"], run.totals["cases"])
    yield from (ProblemReady(record.case) for record in run.cases[:2])
    for record in run.cases:
        yield from (OutcomeReady(record.case, outcome) for outcome in record.outcomes)
        yield CaseJudged(record)
    yield Finished(run)


def heard(run, folder, console):
    with TerminalListener(console) as listener:
        for event in events(run):
            listener.handle(event)
    listener.summarize(run, folder)
    return console.file.getvalue()


def plain(width=120):
    return Console(file=io.StringIO(), width=width, highlight=False)


def on_a_terminal(folder, **environment):
    """What a process writes that has a terminal for its standard output."""
    leader, follower = pty.openpty()
    received = []

    def read():
        while True:
            try:
                block = os.read(leader, 65536)
            except OSError:  # Linux says so when the other end is closed
                return
            if not block:
                return
            received.append(block)

    reader = threading.Thread(target=read)
    reader.start()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        stdout=follower,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**kept, "TERM": "xterm-256color", "COLUMNS": "110", "PYTHONIOENCODING": "utf-8", **environment},
    )
    os.close(follower)
    reader.join()
    os.close(leader)
    return b"".join(received).decode()


def test_a_log_gets_plain_lines_and_no_control_codes(run, folder):
    text = heard(run, folder, plain())
    assert not UNSEEN.search(text)
    progress = [line for line in text.splitlines() if line.startswith(("outcomes", "prepared"))]
    assert progress[0].startswith("prepared 2 problems after ")
    assert progress[-1].startswith("outcomes 20 of 20 (100%) after ")
    assert 8 <= len(progress) <= 12


def test_a_log_of_a_long_run_has_about_ten_lines_of_progress(run, find):
    record = find("alike")
    console = plain()
    with TerminalListener(console) as listener:
        listener.handle(Planned(0, 3000, 0))
        for _ in range(1000):
            for outcome in record.outcomes:
                listener.handle(OutcomeReady(record.case, replace(outcome, from_store=True)))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("outcomes 3,000 of 3,000, 3,000 from the store (100%)")


def test_a_long_training_says_how_far_it_is_now_and_then(run, find, monkeypatch):
    """Not at every step: a log of hours is to be read, too."""
    now = [time.monotonic()]
    monkeypatch.setattr("harness.report.progress.time.monotonic", lambda: now[0])
    record, console = find("alike"), plain()
    with TerminalListener(console) as listener:
        listener.handle(Planned(0, 10, 1))
        for step in range(0, 3000, 10):  # one word a second, of two trainings
            now[0] += 1
            listener.handle(Progressed(record.case, ("nsl", "cleverhans-v4")[step // 10 % 2], step, 3000))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "outcomes 0 of 10; cleverhans-v4 step 290 of 3,000 in alike[norm=linf] after 30 s"
    assert lines[-1] == "outcomes 0 of 10; cleverhans-v4 step 2,990 of 3,000 in alike[norm=linf] after 5 min 0 s"


def test_while_causes_are_sought_their_number_is_told(monkeypatch):
    now = [time.monotonic()]
    monkeypatch.setattr("harness.report.progress.time.monotonic", lambda: now[0])
    console = plain()
    with TerminalListener(console) as listener:
        for done in range(41):
            listener.handle(Explaining(done, 40))
            now[0] += 1
    lines = console.file.getvalue().splitlines()
    assert lines == ["causes 30 of 40 after 30 s", "causes 40 of 40 after 40 s"]


def test_a_training_that_is_done_is_no_longer_spoken_of(find):
    record = find("alike")
    tally = Tally()
    tally.add(Planned(0, 3, 1))
    tally.add(Progressed(record.case, "cleverhans-v4", 7, 9))
    tally.add(Progressed(record.case, "nsl", 1200, 3000))
    assert tally.in_words() == "outcomes 0 of 3; nsl step 1,200 of 3,000"
    tally.add(OutcomeReady(record.case, record.outcome("nsl")))
    assert tally.in_words() == "outcomes 1 of 3; cleverhans-v4 step 7 of 9"
    tally.add(OutcomeReady(record.case, record.outcome("cleverhans-v4")))
    assert tally.in_words() == "outcomes 2 of 3"


def test_what_is_unexpected_is_one_line_each_with_its_cause_to_be_wrong(run, folder):
    lines = [line for line in summary_text(run, folder).splitlines() if line.startswith("unexpected")]
    assert len(lines) == 2
    assert lines[0].startswith(
        "unexpected  alike[norm=linf]  nsl | reference-float64  CLOSE, expected DIVERGED "
        "(an expectation that is wrong on purpose): 384 of 384 elements differ (100.0 %); the worst is at x["
    )
    assert lines[0].endswith("alike.yaml:9:3")


def test_unstated_ones_are_listed_if_few_and_summed_up_if_many(run, folder, find):
    few = [line for line in summary_text(run, folder).splitlines() if line.startswith("unstated")]
    assert len(few) == 4
    many = replace(run, cases=tuple(find("default-labels") for _ in range(50)))
    (line,) = [line for line in summary_text(many, folder).splitlines() if line.startswith("unstated")]
    assert line == "unstated    50 DIVERGED of which no scenario says what to expect, in default-labels"


def test_no_flood_when_everything_is_unexpected(run, folder, find):
    wrong = find("alike")
    wrong = replace(wrong, comparisons=tuple(replace(one, status="unexpected") for one in wrong.comparisons))
    text = summary_text(replace(run, cases=(wrong,) * 100), folder)
    assert len([line for line in text.splitlines() if line.startswith("unexpected")]) == 51
    assert "unexpected  and 250 more, all in report.html" in text


def test_subjects_that_failed_are_grouped_by_reason(run, folder, find):
    many = replace(run, cases=(find("refused"),) * 30)
    (line,) = [line for line in summary_text(many, folder).splitlines() if line.startswith("error       nsl")]
    assert line.endswith("in 30 cases, first in refused")


def test_the_matrix_the_totals_and_the_reports(run, folder):
    text = summary_text(run, folder)
    assert re.search(r"^1 nsl +ERROR +ERROR", text, re.M)
    assert re.search(r"^ +3= 1~ 1! 1- 1x +", text, re.M)
    assert "2 of 4 comparisons are not as expected." in text
    assert "nsl and cleverhans-v4: equal bit for bit in 3 of 7 cases" in text
    assert "7 cases, 20 outcomes" in text
    last = f"report: {folder / 'report.html'}  beside it: report.md, comparisons.csv, junit.xml, run.json"
    assert text.splitlines()[-1] == last


def test_what_is_hostile_is_printed_as_text(run, folder):
    text = heard(run, folder, plain())
    assert printable(f"hostile {HOSTILE} {CONTROL}") in text  # with its [bold red] that is no markup


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stream_that_holds_few_characters_stops_nothing(run, folder, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with TerminalListener(Console(file=stream, width=100)) as listener:
        for event in events(run):
            listener.handle(event)
    listener.summarize(run, folder)
    stream.flush()
    assert b"not as expected" in stream.buffer.getvalue()


def test_a_terminal_gets_a_bar_that_names_the_case_in_hand_and_leaves_nothing_behind(folder):
    text = on_a_terminal(folder)
    assert "outcomes 0 of 20" in text or "outcomes 1 of 20" in text
    assert "\x1b[2K" in text  # the bar is taken away
    seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.rpartition("\x1b[2K")[2])
    assert "━" not in seen
    assert "2 of 4 comparisons are not as expected." in seen
    assert re.search(r"\x1b\[[0-9;]*31m", text)  # red
    assert not re.search(r"\x1b\]|\x07|\u202e", text)


def test_no_color_is_honoured(folder):
    text = on_a_terminal(folder, NO_COLOR="1")
    assert not re.search(r"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|9[0-7]|38;[0-9;]*)m", text)
    assert "2 of 4 comparisons are not as expected." in text


def test_a_log_that_asks_for_colour_gets_no_bar(run, folder):
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system="standard")
    text = heard(run, folder, console)
    assert "\r" not in text
    assert "\x1b[2K" not in text
    assert "\x1b[1;31m" in text


def test_an_interrupt_leaves_the_terminal_as_it_was(folder):
    text = on_a_terminal(folder, interrupt="now")
    assert "\x1b[?25l" in text  # the cursor is hidden
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")
