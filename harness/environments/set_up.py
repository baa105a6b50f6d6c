"""Makes the virtual environment that the Makefile's commands work in; does nothing when it is up to date.

    python set_up.py VENV [--pins NAME] [--checks]

Every part is stamped with a hash of what determines it. A change of the pins or of the interpreter, or a set-up that
was interrupted, makes the environment anew: a half-written package looks like an installed one to pip. Only then is the
network needed. Standard library only, since it runs before anything is installed.

Exit status: 0 ready; 2 could not be made, after one line that says why; 130 interrupted.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PINS = Path(__file__).resolve().parent
CHECKOUT = PINS.parents[1]
STAMP = "harness-environment.json"
LAYOUT = 1
"""Raised when the same pins would have to be installed in another way."""

CLEVERHANS_V3 = Path("share", "harness", "cleverhans-3.1.0")
"""Relative to the environment. A folder of its own, since 4.0.0 has the same import name."""


class SetUpError(Exception):
    """The environment cannot be made. The message is one line for the user."""


def fingerprint(text: str, *files: Path) -> str:
    """SHA-256 over a text and the contents of files, as hex digits."""
    digest = hashlib.sha256(text.encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def chosen_interpreter(venv: Path) -> str:
    """The real path of the Python that runs this; inside the environment itself, of the one that it was made with.

    So a later call without PYTHON keeps to the interpreter that was chosen before.
    """
    if Path(sys.prefix).resolve() == venv:
        return (read_stamps(venv) or {}).get("interpreter", os.path.realpath(sys.executable))
    return os.path.realpath(sys.executable)


def wanted_stamps(venv: Path, *, pins: Path, checks: bool) -> dict[str, str]:
    """What the stamp must say of each part. Paths count, since scripts in an environment hold them."""
    interpreter = chosen_interpreter(venv)
    base = f"{LAYOUT} {venv} {interpreter} {sys.version_info[0]}.{sys.version_info[1]}"
    stamps = {
        "interpreter": interpreter,
        "base": fingerprint(base, pins, PINS / "cleverhans-v3.txt"),
        "package": fingerprint(str(CHECKOUT), CHECKOUT / "pyproject.toml"),
    }
    if checks:
        stamps["checks"] = fingerprint("checks", PINS / "checks.txt")
    return stamps


def read_stamps(venv: Path) -> dict[str, str] | None:
    """What the stamp of an environment says; empty for one that was never finished; ``None`` if it is not ours."""
    try:
        stamps = json.loads((venv / STAMP).read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return stamps if isinstance(stamps, dict) else {}


def write_stamps(venv: Path, stamps: dict[str, str]) -> None:
    fresh = venv / f"{STAMP}.new"
    fresh.write_text(json.dumps(stamps, indent=1) + "\n")
    fresh.replace(venv / STAMP)


def say(line: str) -> None:
    print(f"harness: {line}", file=sys.stderr, flush=True)


@contextmanager
def only_one(venv: Path) -> Iterator[None]:
    """Holds the environment's folder, so that two commands started together do not set it up together."""
    folder = os.open(venv, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another set-up of {venv.name}")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def check_interpreter() -> None:
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetUpError(
                f"{sys.executable} has no module {module}. Install it (on Debian and Ubuntu: the package "
                f"python{sys.version_info[0]}.{sys.version_info[1]}-venv) or name another Python with PYTHON="
            )


def claim(venv: Path) -> None:
    """Makes the folder ours, unless it holds something that set-up did not make."""
    if venv.exists() and not venv.is_dir():
        raise SetUpError(f"{venv} is in the way: it is not a folder")
    if read_stamps(venv) is None and venv.exists() and any(venv.iterdir()):
        raise SetUpError(
            f"{venv} was not made by this set-up, so it is left alone. Remove it, or name another: VENV=.venv-harness"
        )
    venv.mkdir(parents=True, exist_ok=True)


def run(*command: str | Path, otherwise: str) -> None:
    """Runs a command, its output shown. Raises ``SetUpError(otherwise)`` if it fails."""
    if subprocess.run([str(part) for part in command], check=False).returncode != 0:
        raise SetUpError(otherwise)


def pip_install(venv: Path, *arguments: str | Path) -> None:
    """Installs without dependencies: the pins are complete. pip's own progress is shown on a terminal only."""
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    run(
        *(venv / "bin" / "python", "-I", "-m", "pip", "install", "--no-deps", "--no-input"),
        *("--disable-pip-version-check", *quiet, *arguments),
        otherwise="the installation failed, for the reason that pip gives above. Set-up needs the network, once: "
        "run the same command again when it is there",
    )


def make_base(venv: Path, interpreter: str, pins: Path) -> None:
    for entry in venv.iterdir():
        if entry.name == STAMP:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    run(
        interpreter, "-I", "-m", "venv", venv, otherwise=f"{interpreter} could not make a virtual environment in {venv}"
    )
    pip_install(venv, "-r", pins)
    pip_install(venv, "--target", venv / CLEVERHANS_V3, "-r", PINS / "cleverhans-v3.txt")


def set_up(venv: Path, *, pins: Path, checks: bool) -> None:
    """Brings the environment up to date. Raises ``SetUpError``."""
    wanted = wanted_stamps(venv, pins=pins, checks=checks)

    def missing() -> dict[str, str]:
        found = (read_stamps(venv) or {}) if (venv / "bin" / "python").exists() else {}
        return wanted if found.get("base") != wanted["base"] else dict(wanted.items() - found.items())

    if not missing():
        return
    check_interpreter()
    claim(venv)
    with only_one(venv):
        stale = missing()
        kept = {} if "base" in stale else read_stamps(venv) or {}
        if not stale:
            return
        write_stamps(venv, {})
        if "base" in stale:
            version = ".".join(map(str, sys.version_info[:3]))
            say(f"setting up {venv.name} with Python {version}: some minutes and 3 GB, once")
            make_base(venv, wanted["interpreter"], pins)
        if "package" in stale:
            pip_install(venv, "--no-build-isolation", "--editable", CHECKOUT)
        if "checks" in stale:
            say(f"installing the tools of `make check` into {venv.name}")
            pip_install(venv, "-r", PINS / "checks.txt")
        write_stamps(venv, {**kept, **stale})
        say(f"{venv.name} is ready")


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes the virtual environment, or finds it up to date.")
    parser.add_argument("venv", type=Path)
    parser.add_argument("--pins", default="default", help="the file of pins beside this script, without its ending")
    parser.add_argument("--checks", action="store_true", help="the tools of `make check` too")
    arguments = parser.parse_args()
    try:
        set_up(arguments.venv.resolve(), pins=PINS / f"{arguments.pins}.txt", checks=arguments.checks)
    except (SetUpError, OSError) as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("set-up interrupted; the next call starts it anew")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
