"""House-keeping: what holds for every file of the project, whatever it is about."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
ROOMS = {"harness", "scenarios", "reports", "tests", "Makefile", "pyproject.toml", "README.md", "LICENSE"}
LINES = 350
"""The most that a file may have. Aim below 200: one noun a file."""

KNOWN_HOSTS = {
    "arxiv.org",
    "doi.org",
    "www.apache.org",
    "json-schema.org",
    "www.w3.org",
    "github.com",
    "example.org",
    "example.com",
}
"""Hosts that a file may link to. Packages are asked for by name, wherever the reader's machine gets them."""

REGISTRY = re.compile(
    r"(?i)\b(pypi|pythonhosted|npmjs|debian|ubuntu|anaconda|conda)\.(org|com|net)\b|--(extra-)?index-url"
)
OF_ONE_MACHINE = re.compile(r"(?<![\w.~/-])/(work|root|home|opt|tmp|mnt|Users)/")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")

LIBRARIES = {"tensorflow", "keras", "tf_keras", "neural_structured_learning", "cleverhans"}
MAY_IMPORT_LIBRARIES = ("harness/subjects/", "harness/reference/", "harness/bench/")


def project_files() -> list[Path]:
    """What is committed, or would be: relative paths. Git knows; without it the checkout cannot be told from litter."""
    if not (CHECKOUT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs a git checkout")
    # Whoever owns the checkout: only names are read from it.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in listing.split("\0") if name and (CHECKOUT / name).is_file()]


def texts() -> dict[Path, str]:
    contents = {}
    for file in project_files():
        try:
            contents[file] = (CHECKOUT / file).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or an archive
    return contents


def sources(*folders: str) -> dict[Path, str]:
    """Python files under the folders, by path."""
    return {
        file: text for file, text in texts().items() if file.suffix == ".py" and file.as_posix().startswith(folders)
    }


def places(pattern: re.Pattern[str], contents: dict[Path, str]) -> list[str]:
    """Where a pattern stands, as ``file:line: line``."""
    return [
        f"{file}:{number}: {line.strip()[:120]}"
        for file, text in contents.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_top_level_holds_the_rooms_and_nothing_else() -> None:
    top = {file.parts[0] for file in project_files()}
    assert {name for name in top if not name.startswith(".")} <= ROOMS


def test_no_file_names_a_package_registry() -> None:
    assert places(REGISTRY, texts()) == []


def test_links_lead_to_known_hosts() -> None:
    hosts = {
        (host, str(file))
        for file, text in texts().items()
        for host in re.findall(r"https?://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})", text)
    }
    assert {place for place in hosts if place[0] not in KNOWN_HOSTS} == set()


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert places(OF_ONE_MACHINE, texts()) == []


def test_nothing_is_left_for_later() -> None:
    assert places(UNFINISHED, texts()) == []


def test_files_are_short() -> None:
    written_by_hand = {".py", ".md", ".js", ".css", ".html", ".toml", ".yaml", ""}
    lengths = {str(file): text.count("\n") for file, text in texts().items() if file.suffix in written_by_hand}
    del lengths["LICENSE"]
    assert {file: count for file, count in lengths.items() if count > LINES} == {}


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(file) for file, text in sources("harness/", "tests/").items() if not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_every_room_is_a_package() -> None:
    """What is none is left out of the wheel and of the check of the layers. The set-up is: it is run, not imported."""
    folders = {file.parent for file in sources("harness/")} - {Path("harness/environments")}
    assert [str(folder) for folder in sorted(folders) if not (CHECKOUT / folder / "__init__.py").exists()] == []


def test_no_function_passes_keywords_through() -> None:
    catching = [
        f"{file}:{node.lineno}"
        for file, text in sources("harness/").items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and node.args.kwarg
    ]
    assert catching == []


def test_whoever_catches_every_exception_says_why() -> None:
    catch_all = re.compile(r"^\s*except(\s+\(?(Base)?Exception\b[^#]*)?:\s*$")
    unexplained = [
        f"{file}:{number}"
        for file, text in sources("harness/").items()
        for number, (line, following) in enumerate(zip(text.splitlines(), [*text.splitlines()[1:], ""], strict=True), 1)
        if catch_all.match(line) and not following.strip().startswith("#")
    ]
    assert unexplained == []


def imported_libraries(statement: ast.AST) -> set[str]:
    names: list[str] = []
    if isinstance(statement, ast.Import):
        names = [alias.name for alias in statement.names]
    elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
        names = [statement.module or ""]
    return LIBRARIES & {name.partition(".")[0] for name in names}


def below(tree: ast.AST, *, functions: bool) -> set[int]:
    """Identities of the nodes that importing the module does not run: for type checkers, and inside functions."""
    blocks = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test).endswith("TYPE_CHECKING")]
    if functions:
        blocks += [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    return {id(node) for block in blocks for node in ast.walk(block)}


def test_only_workers_import_the_libraries() -> None:
    """Nowhere outside of their rooms, and never at import of ``harness.scenario``, which the user's process imports."""
    astray = []
    for file, text in sources("harness/").items():
        tree = ast.parse(text)
        shared = file.as_posix().startswith("harness/scenario/")
        if not shared and file.as_posix().startswith(MAY_IMPORT_LIBRARIES):
            continue
        allowed = below(tree, functions=shared)
        found = (node for node in ast.walk(tree) if imported_libraries(node) and id(node) not in allowed)
        astray += [f"{file}: {ast.unparse(node)}" for node in found]
    assert astray == []


def test_ci_is_a_script_that_bash_can_read() -> None:
    script = CHECKOUT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)
