"""Pins every package that the environment needs, from the names in pyproject.toml: `make lock`.

    python lock.py [--upgrade]

Writes ``default.txt`` (what running and testing need) and ``checks.txt`` (what `make check` needs besides), for every
supported Python at once. Pins that still fit are kept unless ``--upgrade`` is given. Needs the network.
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
    command += ["--extra", "test", *options, CHECKOUT / "pyproject.toml"]
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
        everything = work / "everything.txt"
        everything.write_text("".join(f"{pin}\n" for file in HEADERS for pin in pins_in(PINS / file)))
        pins = compile_pins(work / "venv/bin/uv", everything, "--extra", "check", *upgrade)
        default = compile_pins(work / "venv/bin/uv", work / "default.txt", "--constraint", everything)
    needed = {name_of(pin) for pin in default}
    split = {
        "default.txt": [pin for pin in pins if name_of(pin) in needed],
        "checks.txt": [pin for pin in pins if name_of(pin) not in needed],
    }
    for file, chosen in split.items():
        (PINS / file).write_text(HEADERS[file] + "".join(f"{pin}\n" for pin in chosen))
        print(f"{file}: {len(chosen)} pins")
    return 0


if __name__ == "__main__":
    sys.exit(main())
