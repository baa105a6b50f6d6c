"""Pins every package that the environment needs, from the names in pyproject.toml: `make lock`.

    python lock.py [--upgrade]

Writes ``default.txt`` (what running and testing need) and ``checks.txt`` (what `make check` needs besides), for every
supported Python at once, and ``tensorflow-2.15.txt`` (what running needs with the older TensorFlow). Pins that still
fit are kept unless ``--upgrade`` is given. Needs the network.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

PINS = Path(__file__).resolve().parent
CHECKOUT = PINS.parents[1]
OLDEST_PYTHON = "3.10"
HEADERS = {
    "default.txt": "# What running and testing need. Made by `make lock` from pyproject.toml.\n",
    "checks.txt": "# What `make check` needs besides default.txt. Made by `make lock` from pyproject.toml.\n",
    "tensorflow-2.15.txt": "# What running needs with TensorFlow 2.15. Made by `make lock` from pyproject.toml.\n",
}


def name_of(line: str) -> str:
    """The normalised name of the package that a line of requirements pins."""
    return re.sub(r"[-_.]+", "-", re.split(r"[=<>!~\[; ]", line, maxsplit=1)[0]).lower()


def pins_in(file: Path) -> list[str]:
    if not file.exists():
        return []
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]


def compile_pins(uv: Path, output: Path, *options: str | Path) -> list[str]:
    """Resolves pyproject.toml's dependencies, for all supported Pythons together, into ``output``."""
    command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON, "--fork-strategy"]
    command += ["fewest", "--no-header", "--no-annotate", "--override", PINS / "overrides.txt", "--output-file", output]
    command += [*options, CHECKOUT / "pyproject.toml"]
    subprocess.run([str(part) for part in command], check=True)
    return pins_in(output)


def main() -> int:
    upgrade = sys.argv[1:]
    if upgrade not in ([], ["--upgrade"]):
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True)
        subprocess.run([work / "venv/bin/python", "-m", "pip", "install", "--quiet", "uv"], check=True)
        uv, everything, older = work / "venv/bin/uv", work / "everything.txt", work / "tensorflow-2.15.txt"
        kept = [*pins_in(PINS / "default.txt"), *pins_in(PINS / "checks.txt")]
        everything.write_text("".join(f"{pin}\n" for pin in kept))
        pins = compile_pins(uv, everything, "--extra", "test", "--extra", "check", *upgrade)
        default = compile_pins(uv, work / "default.txt", "--extra", "test", "--constraint", everything)
        older.write_text("".join(f"{pin}\n" for pin in pins_in(PINS / older.name)))
        with_older = compile_pins(uv, older, "--override", PINS / "overrides-tensorflow-2.15.txt", *upgrade)
    needed = {name_of(pin) for pin in default}
    split = {
        "default.txt": [pin for pin in pins if name_of(pin) in needed],
        "checks.txt": [pin for pin in pins if name_of(pin) not in needed],
        "tensorflow-2.15.txt": with_older,
    }
    for file, chosen in split.items():
        (PINS / file).write_text(HEADERS[file] + "".join(f"{pin}\n" for pin in chosen))
        print(f"{file}: {len(chosen)} pins")
    return 0


if __name__ == "__main__":
    sys.exit(main())
