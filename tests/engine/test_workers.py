"""A worker that fails costs its own task. Real processes, really killed."""

import concurrent.futures
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pebble import ProcessExpired

from harness.engine.workers import Workers
from harness.subjects.protocol import Environment


def take_note():
    os.environ["HARNESS_TEST"] = "begun"


def do_nothing():
    """Nothing has to be brought to any state."""


PLAIN = Environment(name="plain", begin=do_nothing, variables={"HARNESS_TEST": "set"}, paths=("/first/on/the/path",))


@pytest.fixture(scope="module")
def submit():
    workers = Workers()

    def submit(function, *arguments, timeout=60.0):
        return workers.submit(PLAIN, function, *arguments, workers=1, timeout=timeout)

    submit.workers = workers
    yield submit
    workers.close()


def test_a_worker_has_the_variables_and_paths_of_its_environment(submit):
    assert submit(os.getenv, "HARNESS_TEST").result() == "set"
    assert submit(eval, "__import__('sys').path[0]").result() == "/first/on/the/path"
    assert os.getenv("HARNESS_TEST") is None


def test_a_worker_that_dies_or_hangs_or_raises_costs_its_own_task(submit):
    dead = submit(eval, "__import__('os').kill(__import__('os').getpid(), 9)")
    hung = submit(time.sleep, 1000, timeout=0.3)
    wrong = submit(int, "no number")
    after = submit(int, "7")
    with pytest.raises(ProcessExpired):
        dead.result()
    with pytest.raises(concurrent.futures.TimeoutError):
        hung.result()
    with pytest.raises(ValueError, match="no number"):
        wrong.result()
    assert after.result() == 7


def test_what_a_worker_prints_stays_out_of_the_terminal_and_is_its_last_words(submit, capfd):
    dying = submit(
        eval, "(print('garbage\\n\\x00{'), __import__('os').write(2, b'last words\\n'), __import__('os')._exit(3))"
    )
    with pytest.raises(ProcessExpired) as death:
        dying.result()
    assert death.value.exitcode == 3
    assert submit.workers.last_words(death.value.pid) == "last words"
    assert capfd.readouterr() == ("", "")


def test_what_a_worker_leaves_in_the_temporary_folder_goes_with_it(tmp_path):
    workers = Workers()
    try:
        leave = "__import__('tempfile').mkstemp(prefix='left-')[1]"
        left = Path(workers.submit(PLAIN, eval, leave, workers=1, timeout=60.0).result())
        assert left.exists()
    finally:
        workers.close()
    assert not left.exists()


def test_a_worker_begins_when_it_is_warmed_up_and_only_once():
    environment = Environment(name="slow", begin=take_note, variables={"HARNESS_TEST": "set"})
    workers = Workers()

    def seen():
        return workers.submit(environment, os.getenv, "HARNESS_TEST", workers=1, timeout=60.0).result()

    try:
        workers.warm_up(environment, workers=1, timeout=60.0)
        assert seen() == "begun"
        change = "__import__('os').environ.update(HARNESS_TEST='changed')"
        workers.submit(environment, eval, change, workers=1, timeout=60.0).result()
        workers.warm_up(environment, workers=1, timeout=60.0)
        assert seen() == "changed"
    finally:
        workers.close()


def test_loading_that_fails_leaves_the_telling_to_the_first_task():
    environment = Environment(name="broken", begin=os.abort)
    workers = Workers()
    try:
        workers.warm_up(environment, workers=1, timeout=60.0)
        assert workers.submit(environment, int, "7", workers=1, timeout=60.0).result() == 7
    finally:
        workers.close()


SCRIPT = """
import os
import subprocess
import sys
from harness.engine.workers import Workers
from harness.subjects.protocol import Environment

print("begun")
workers = Workers()
environment = Environment(name="plain", begin=os.getpid, variables={}, paths=())
print(workers.submit(environment, int, "7", workers=1, timeout=60).result())
workers.close()
"""


def test_a_script_without_a_main_guard_is_not_run_again_in_its_workers(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "begun\n7\n", "")
