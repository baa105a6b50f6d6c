"""``harness validate`` through the real command line."""

from __future__ import annotations

import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_valid_files_are_counted(harness) -> None:
    shown = harness("validate")
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "1 scenario with 2 cases: all valid.\n", "")


def test_the_shipped_scenarios_are_valid(harness) -> None:
    shown = harness("validate", str(CHECKOUT / "scenarios"))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.endswith(": all valid.\n")


def test_all_mistakes_are_shown_with_their_places_and_counted(harness, scenarios: Path) -> None:
    (scenarios / "scenarios" / "b.yaml").write_text("summary: [\n")
    file = scenarios / "scenarios" / "a.yaml"
    file.write_text(file.read_text().replace("l2", "l3").replace("digits", "digit"))
    shown = harness("validate")
    assert (shown.returncode, shown.stdout) == (2, "")
    lines = shown.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines[:-1]] == [
        "scenarios/a.yaml:5:16",
        "scenarios/a.yaml:6:30",
        "scenarios/b.yaml:2:1",
    ]
    valid = "Valid: linf, l2, l1."
    assert lines[1].endswith(f"attack.norm: 'l3' is not a norm. Did you mean 'l2'? {valid} (In case a[norm=l3].)")
    assert lines[-1] == "3 errors in 2 files."


def test_what_a_scenario_may_do_is_the_users_decision(harness, scenarios: Path) -> None:
    file = scenarios / "scenarios" / "a.yaml"
    ordinary = file.read_text()
    for model, option in (("{factory: 'm:f'}", "--allow-code"), ("{keras: ../m.keras}", "--allow-outside")):
        with zipfile.ZipFile(scenarios / "m.keras", "w") as archive:
            archive.writestr("config.json", "{}")
        file.write_text(ordinary.replace("{layers: [{dense: 10}]}", model))
        refused = harness("validate")
        assert refused.returncode == 2
        assert option in refused.stderr
        assert harness("validate", option).returncode == 0


def test_a_path_that_does_not_exist(harness) -> None:
    shown = harness("validate", "scenarios", "none")
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr.startswith("none: there is no such file or folder.")
