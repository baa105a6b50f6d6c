"""Real runs of the real command line, each a process group of its own, and models that do harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let commands in the background ignore it
from harness.cli.main import main
main()
"""

MODELS = """
import time
from pathlib import Path
import tensorflow as tf

class Fault(tf.keras.layers.Layer):
    def call(self, inputs):
        if inputs.shape[0] == 12:  # not while it is prepared
            self.strike()
        return inputs

class Hangs(Fault):
    def strike(self):
        try:
            Path("hang").unlink()  # the first that comes
        except FileNotFoundError:
            return
        time.sleep(1000)

class Fills(Fault):
    def strike(self):
        hoard = []
        for _ in range(200):
            hoard.append(b"x" * (40 << 20))
            time.sleep(0.02)

class Prints(Fault):
    def strike(self):
        print("garbage \\x00\\x1b[2J {\\x07", flush=True)

def model(layer):
    inputs = tf.keras.Input((4,), name="x")
    return tf.keras.Model(inputs, tf.keras.layers.Dense(3)(layer()(inputs)))

def hangs():
    return model(Hangs)

def fills():
    return model(Fills)

def prints():
    return model(Prints)
"""

SCENARIO = """\
summary: A model that hangs where there is a file called hang.
kind: perturbation
model: {factory: "faulty:hangs"}
data: {source: iris, batch: 12}
attack: {epsilon: 0.1, labels: given}
matrix: {attack.norm: [linf, l2, l1]}
subjects: [nsl, cleverhans-v4]
"""

Harness = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with ``scenarios/faulty.yaml``, three cases of two subjects, and the model that it names."""
    place = tmp_path_factory.mktemp("place")
    (place / "scenarios").mkdir()
    (place / "scenarios" / "faulty.yaml").write_text(SCENARIO)
    (place / "faulty.py").write_text(MODELS)
    return place


@pytest.fixture(scope="module")
def start(place: Path) -> Iterator[Harness]:
    """Starts ``harness run`` with arguments in that folder, by way of another command (``through``) if there is one;
    ``before`` is called in the new process."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str, before: Callable[[], None] | None = None, through: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*through, sys.executable, "-c", COMMAND, "run", "--allow-code", "-j", "2", *arguments],
            cwd=place,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), "NO_COLOR": "1", "TMPDIR": str(place)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=before,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def eventually(condition: Callable[[], object], *, seconds: float = 60.0) -> bool:
    """Whether a condition comes to hold within some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended; one whose parent has not taken note of its end has."""
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def half_written(folder: Path) -> list[Path]:
    """Files that a writer has not finished."""
    return list(folder.rglob("*.tmp"))
