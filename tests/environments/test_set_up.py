"""Set-up from a folder of small packages instead of the network: real pip, real virtual environments."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "house-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("house.pth", "")
        wheel.writestr("house-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: house\\nVersion: 1\\n")
        wheel.writestr("house-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("house-1.dist-info/RECORD", "")
    return name
"""


class House:
    """A checkout with the real Makefile and set-up, and with pins of packages that are small and at hand."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "check out"
        self.wheels = folder / "wheels"
        self.venv = self.checkout / ".venv"
        self.pins = self.checkout / "harness" / "environments"
        self.wheels.mkdir()
        for name in ("reports", "tests"):
            (self.checkout / name).mkdir(parents=True)
        shutil.copytree(CHECKOUT / "harness" / "environments", self.pins)
        shutil.copy(CHECKOUT / "Makefile", self.checkout)
        (self.checkout / "backend.py").write_text(BACKEND)
        (self.checkout / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            '[project]\nname = "house"\nversion = "1"\n'
        )
        for file, name, version in [
            ("default.txt", "tiny", "1.0"),
            ("checks.txt", "tool", "1.0"),
            ("cleverhans-v3.txt", "cleverhans", "3.1.0"),
        ]:
            self.add_wheel(name, version)
            (self.pins / file).write_text(f"{name}=={version}\n")

    def add_wheel(self, name: str, version: str) -> Path:
        info = f"{name}-{version}.dist-info"
        path = self.wheels / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", f"__version__ = {version!r}\n")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        return path

    def environment(self, python: str) -> Mapping[str, str]:
        ours = ("PIP_", "MAKE", "MFLAGS", "VENV", "ARGS")  # of the make that runs these tests, and of its machine
        keep = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": self.wheels.as_uri(), "PIP_CONFIG_FILE": os.devnull}
        return {**keep, **pip, "PYTHON": python}

    def start(self, target: str = "environment", *, python: str = sys.executable) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["make", target],
            cwd=self.checkout,
            env=self.environment(python),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def make(self, target: str = "environment", *, python: str = sys.executable) -> tuple[int, str]:
        process = self.start(target, python=python)
        output, _ = process.communicate()
        return process.returncode, output

    def version_of(self, name: str, *, folder: str = "") -> str:
        code = f"import sys; sys.path[:0] = [p for p in sys.argv[1:] if p]; import {name}; print({name}.__version__)"
        command = [str(self.venv / "bin" / "python"), "-c", code, str(self.venv / folder) if folder else ""]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_set_up_installs_the_pins_once_and_the_check_tools_when_asked_for(house: House) -> None:
    status, output = house.make()
    assert (status, "setting up .venv" in output) == (0, True), output
    assert house.version_of("tiny") == "1.0"
    assert house.version_of("cleverhans", folder="share/harness/cleverhans-3.1.0") == "3.1.0"
    for absent in ("cleverhans", "tool"):
        with pytest.raises(subprocess.CalledProcessError):
            house.version_of(absent)

    (house.venv / "kept").touch()
    assert house.make("check-environment")[0] == 0
    assert house.version_of("tool") == "1.0"

    shutil.rmtree(house.wheels)  # what comes now must not install anything
    assert house.make("environment") == (0, "")
    assert house.make("check-environment") == (0, "")
    assert house.make(python="") == (0, "")
    assert (house.venv / "kept").exists()


def test_other_pins_make_the_environment_anew(house: House) -> None:
    house.make()
    (house.venv / "left-over").touch()
    house.add_wheel("tiny", "1.1")
    (house.pins / "default.txt").write_text("tiny==1.1\n")
    assert house.make(python="")[0] == 0
    assert house.version_of("tiny") == "1.1"
    assert not (house.venv / "left-over").exists()


def test_another_interpreter_makes_the_environment_anew(house: House, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--copies", "--without-pip", tmp_path / "other"], check=True)
    other = str(tmp_path / "other" / "bin" / "python")
    house.make()
    (house.venv / "left-over").touch()
    status, output = house.make(python=other)
    assert (status, "setting up .venv" in output) == (0, True), output
    assert not (house.venv / "left-over").exists()
    assert house.make(python=other) == (0, "")
    assert house.make(python="") == (0, "")


def test_packages_that_cannot_be_had_are_one_line_after_that_of_pip(house: House) -> None:
    wheel = house.wheels / "cleverhans-3.1.0-py3-none-any.whl"
    wheel.rename(house.wheels / "hidden")
    status, output = house.make()
    ours = [line for line in output.splitlines() if line.startswith("harness: ")]
    assert status == 2
    assert "ERROR: No matching distribution found for cleverhans==3.1.0" in output
    assert len(ours) == 2
    assert "Set-up needs the network, once" in ours[1]

    (house.venv / "left-over").touch()
    (house.wheels / "hidden").rename(wheel)
    assert house.make()[0] == 0
    assert not (house.venv / "left-over").exists()


def test_a_killed_set_up_is_done_anew_and_by_one_of_two_at_a_time(house: House) -> None:
    killed = house.start()
    while not (house.venv / "bin").exists():
        assert killed.poll() is None, killed.communicate()[0]
        time.sleep(0.005)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    (house.venv / "left-over").touch()

    two = [house.start(), house.start()]
    outputs = [process.communicate()[0] for process in two]
    assert [process.returncode for process in two] == [0, 0], outputs
    assert "".join(outputs).count("is ready") == 1
    assert not (house.venv / "left-over").exists()
    assert house.version_of("tiny") == "1.0"


def test_an_environment_that_is_not_ours_is_left_alone(house: House) -> None:
    (house.venv / "bin").mkdir(parents=True)
    (house.venv / "precious").touch()
    status, output = house.make()
    assert status == 2
    assert "was not made by this set-up, so it is left alone" in output
    assert house.make("distclean")[0] == 0
    assert (house.venv / "precious").exists()
