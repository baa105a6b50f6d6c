"""``harness list`` through the real command line."""

from __future__ import annotations

import json


def test_one_line_for_each_case(harness) -> None:
    shown = harness("list")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == "a[norm=linf]  A test.\na[norm=l2]    A test.\n"


def test_json(harness) -> None:
    (first, second) = json.loads(harness("list", "--json", "--subjects", "cleverhans-v4, nsl").stdout)
    assert second["id"] == "a[norm=l2]"
    assert first == {
        "id": "a[norm=linf]",
        "scenario": "a",
        "summary": "A test.",
        "kind": "perturbation",
        "tags": ["smoke"],
        "point": {"attack.norm": "linf"},
        "subjects": ["nsl", "cleverhans-v4"],
        "file": "scenarios/a.yaml",
    }


def test_selections(harness) -> None:
    assert harness("list", "-k", "not linf").stdout == "a[norm=l2]  A test.\n"
    assert len(harness("list", "-t", "smoke", "scenarios/a.yaml").stdout.splitlines()) == 2


def test_nothing_selected(harness) -> None:
    for arguments, message in (
        (["-k", "l3"], "nothing selected: no id of 2 cases satisfies -k 'l3'."),
        (["-t", "smok"], "nothing selected: no scenario has the tag 'smok'. Did you mean 'smoke'? Valid: smoke."),
        (["--subjects", "nsl"], "expected at least two subjects to compare, got 1."),
    ):
        shown = harness("list", *arguments)
        assert (shown.returncode, shown.stdout) == (2, "")
        assert shown.stderr.startswith(message)
