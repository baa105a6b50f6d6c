"""The starting process is killed, interrupted, started again, cannot write, is not alone. In the order of a story."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from harness.engine.record import arrays_of, load_run
from harness.engine.store import Store

from .conftest import alive, eventually, half_written

OUTCOMES = 6
INTERRUPTED = 6.0
"""Seconds. Two on a machine that has nothing else to do."""


def records(place: Path) -> list[Path]:
    """What the store has of outcomes."""
    return list((place / "reports" / ".store" / "outcome").rglob("*.json"))


@pytest.fixture(scope="module")
def hanging(place, start):
    """Starts a run and waits until all outcomes are kept but one, in which a worker hangs."""

    def hanging():
        (place / "hang").touch()
        process = start()
        assert eventually(lambda: len(records(place)) == OUTCOMES - 1 and not (place / "hang").exists())
        workers = psutil.Process(process.pid).children(recursive=True)
        assert len(workers) >= 1
        return process, workers

    return hanging


@pytest.fixture(scope="module")
def killed(place, hanging):
    """A run that was killed in the middle, and what was left after a while."""
    process, workers = hanging()
    process.kill()
    process.wait()
    ended = eventually(lambda: not alive(workers), seconds=10)
    return ended, half_written(place), sorted(path.name for path in place.iterdir())


def test_no_worker_outlives_a_run_that_was_killed_and_nothing_is_half_written(killed):
    ended, unfinished, left = killed
    assert ended
    assert unfinished == []
    assert left == ["faulty.py", "reports", "scenarios"]  # nor is the folder there that workers write their noise to


@pytest.fixture(scope="module")
def interrupted(place, killed, hanging):
    """The next run, interrupted as a terminal does it: the whole group gets the signal."""
    process, workers = hanging()
    (place / "reports" / "latest").mkdir(exist_ok=True)
    (place / "reports" / "latest" / "report.html").write_text("of an earlier run")
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output, error = process.communicate(timeout=30)
    took = time.monotonic() - began
    return process.returncode, error, eventually(lambda: not alive(workers), seconds=10), output, took


def test_an_interrupt_ends_it_with_130_and_keeps_what_was_finished(place, interrupted):
    status, error, ended, _, _ = interrupted
    assert (status, error, ended) == (130, "", True)
    run = load_run(place / "reports" / "latest")
    assert run.interrupted
    assert len(run.cases) == 2
    # What the killed run had finished was not done twice.
    assert {outcome.from_store for record in run.cases for outcome in record.outcomes} == {True}


def test_an_interrupt_takes_no_time_and_says_how_to_go_on(place, interrupted):
    _, _, _, output, took = interrupted
    assert took < INTERRUPTED
    assert "the same command goes on from there" in output
    assert f"report: {Path('reports', 'latest', 'run.json')}" in output
    assert not (place / "reports" / "latest" / "report.html").exists(), "it was of an earlier run"


@pytest.fixture(scope="module")
def completed(interrupted, start):
    """The run after that, which nothing disturbs."""
    process = start()
    text, error = process.communicate(timeout=60)
    assert error == ""
    assert process.returncode == 0
    return text


def test_started_again_it_does_only_what_was_not_finished(place, completed):
    run = load_run(place / "reports" / "latest")
    assert not run.interrupted
    assert (run.totals["outcomes"], run.totals["from_store"]) == (OUTCOMES, OUTCOMES - 1)
    assert f"{OUTCOMES - 1} from the store" in completed


def test_a_full_disk_is_one_error_and_leaves_the_last_reports_whole(place, completed, start):
    latest = place / "reports" / "latest"
    before = {path: path.read_bytes() for path in latest.glob("*.*") if path.is_file()}
    size = len(before[latest / "run.json"]) // 2
    process = start("-k", "linf or l2", before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert error == "reports/latest/run.json cannot be written: File too large. What was finished before is kept.\n"
    assert {path: path.read_bytes() for path in before} == before
    assert half_written(place) == []


def test_a_full_disk_under_a_worker_ends_the_run_instead_of_failing_case_by_case(place, completed, start):
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))  # noqa: E731
    process = start("--report-dir", "full/latest", before=limit)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    (line,) = error.splitlines()
    assert line.endswith(".npz cannot be written: File too large. What was finished before is kept.")
    assert half_written(place) == []
    assert list((place / "full").rglob("*.npz")) == []


SMALL_DISK = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=16k tmpfs small && exec "$@"', "sh")
"""Runs a command with a disk of 16 kB on the folder ``small``, which nobody else sees and which goes with it."""


def test_a_disk_of_sixteen_kilobytes_is_full_soon(place, completed, start):
    (place / "small").mkdir()
    possible = subprocess.run([*SMALL_DISK, "true"], cwd=place, capture_output=True, text=True, check=False)
    if possible.returncode:
        pytest.skip(f"no disk of its own can be had here ({possible.stderr.strip()}); limits of files are tested above")
    process = start("--report-dir", "small/latest", through=SMALL_DISK)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    (line,) = error.splitlines()
    assert line.endswith(" cannot be written: No space left on device. What was finished before is kept.")


def test_damaged_files_of_the_store_are_said_and_done_again(place, completed, start):
    run = load_run(place / "reports" / "latest")
    damaged = Store(place / "reports" / ".store").path_of(run.cases[0].outcomes[0].arrays)
    record = next(path for path in records(place) if damaged.stem not in path.read_text())
    damaged.write_bytes(damaged.read_bytes()[:-1])  # of the report, too: it is the same file
    record.write_text(record.read_text().replace('"seconds":', '"minutes":'))
    shutil.rmtree(place / "reports" / ".store" / "judged")  # cases that were judged have outcomes of their own
    process = start()
    text, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    said = [line for line in text.splitlines() if line.startswith("damaged: ")]
    assert sorted(said) == sorted(
        f"damaged: {path} is not what was stored there; it is computed again" for path in (damaged, record)
    )
    again = load_run(place / "reports" / "latest")
    assert OUTCOMES - 3 <= again.totals["from_store"] <= OUTCOMES - 2  # equal outcomes share their arrays
    assert [one.comparisons for one in again.cases] == [one.comparisons for one in run.cases]
    assert_whole(again)


def assert_whole(run):
    """Every array that a run names is in its folder, as it was written."""
    for record in run.cases:
        for digest in (*record.identity.values(), *(d for outcome in record.outcomes for d in arrays_of(outcome))):
            run.arrays(digest)


def test_two_runs_at_once_in_one_folder_leave_the_whole_of_one(place, completed, start):
    both = [start("-k", norm) for norm in ("linf", "l2", "linf")]
    for process in both:
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (0, "")
    run = load_run(place / "reports" / "latest")
    assert_whole(run)
    (record,) = run.cases
    rows = (place / "reports" / "latest" / "comparisons.csv").read_text().splitlines()
    assert rows[1].startswith(f'"{record.case.id}"' if "," in record.case.id else record.case.id)
    assert {path.stem for path in (place / "reports" / "latest" / "arrays").iterdir()} == {
        *record.identity.values(),
        *(outcome.arrays for outcome in record.outcomes),
    }


def test_a_run_waits_while_another_one_writes_its_reports(place, completed, start):
    folder = place / "reports" / "waiting"
    folder.mkdir()
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        process = start("--report-dir", "reports/waiting")
        assert process.stdout
        assert process.stdout.readline().startswith("prepared")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        assert list(folder.iterdir()) == []
    finally:
        os.close(lock)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert_whole(load_run(folder))


@pytest.mark.parametrize("folder", ["faulty.py/latest", "/proc/latest"])
def test_a_report_folder_that_cannot_be_written_to_is_told_at_once(place, start, folder):
    """Root may write to a read-only folder, but neither into a file nor into what the kernel shows."""
    process = start("--report-dir", folder)
    text, error = process.communicate(timeout=20)
    assert (process.returncode, text) == (2, "")
    (line,) = error.splitlines()
    assert line.startswith(f"{folder} cannot be written to: ")
