"""``harness run --shard`` and ``harness merge``: the parts are the whole."""

import json
import shutil

import pytest

PAIR = ("nsl", "cleverhans-v4")
SCENARIO = """\
summary: Parts.
kind: perturbation
model: {layers: [{dense: 3}]}
data: {source: iris, batch: 8}
attack: {epsilon: 0.1, labels: given}
matrix: {attack.norm: [linf, l2], model.init.seed: [0, 1, 2]}
subjects: [reference-nsl, reference-cleverhans]
"""


def body(folder):
    """``run.json`` without times."""
    run = json.loads((folder / "run.json").read_text())
    return {name: value for name, value in run.items() if name not in ("started", "seconds")}


@pytest.fixture(scope="module")
def sharded(tmp_path_factory, harness_in):
    """A run ``whole`` and its shards ``1`` to ``3``. The store has all outcomes: only which case is where counts."""
    place = tmp_path_factory.mktemp("sharded")
    (place / "scenarios").mkdir()
    (place / "scenarios" / "parts.yaml").write_text(SCENARIO)
    assert harness_in(place, "run", "--report-dir", "whole", "-j", "1").returncode == 0
    assert harness_in(place, "run", "--report-dir", "whole", "--strict").returncode == 1
    for index in ("1", "2", "3"):
        assert harness_in(place, "run", "--report-dir", index, "--shard", f"{index}/3").returncode == 0
    return place


def test_merged_shards_are_the_run_that_was_not_shared_out(sharded, harness_in):
    merged = harness_in(sharded, "merge", "3", "1", "2", "--report-dir", "merged", "--strict")
    assert (merged.returncode, merged.stderr) == (1, "")
    assert "6 cases, 12 outcomes" in merged.stdout
    assert body(sharded / "merged") == body(sharded / "whole")
    for folder in ("curves", "arrays"):
        names = [sorted(path.name for path in (sharded / one / folder).glob("*")) for one in ("merged", "whole")]
        assert names[0] == names[1]
    assert (sharded / "merged" / "report.html").exists()
    assert {len(body(sharded / index)["cases"]) for index in "123"} == {2}


def test_a_merged_run_is_held_against_a_baseline(sharded, harness_in, monkeypatch):
    for name in ("CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    accepted = harness_in(sharded, "baseline", "accept", "--all", "--run", "whole", "--baseline", "b.json")
    assert accepted.returncode == 0
    held = harness_in(sharded, "merge", "1", "2", "3", "--report-dir", "held", "--baseline", "b.json")
    assert held.returncode == 0
    standing = body(sharded / "held")["baseline"]
    assert {name: standing[name] for name in ("new", "changed", "vanished", "not_run")} == {
        "new": [], "changed": [], "vanished": [], "not_run": []
    }  # fmt: skip


def test_a_missing_shard_and_one_of_another_selection_are_named(sharded, harness_in):
    lacking = harness_in(sharded, "merge", "3", "1", "--report-dir", "none")
    assert (lacking.returncode, lacking.stdout) == (2, "")
    assert "shard 2/3 is missing" in lacking.stderr
    other = harness_in(sharded, "run", "-k", "linf", "--report-dir", "other", "--shard", "2/3")
    assert other.returncode == 0
    mixed = harness_in(sharded, "merge", "1", "other", "3", "--report-dir", "none")
    assert mixed.returncode == 2
    assert "other is shard 2/3 of 3 cases, and 1 is shard 1/3 of other ones" in mixed.stderr
    whole = harness_in(sharded, "merge", "1", "2", "3", "whole", "--report-dir", "none")
    assert "whole is a run of its own" in whole.stderr
    assert not (sharded / "none" / "run.json").exists()


def test_damaged_arrays_are_named(sharded, harness_in):
    shutil.copytree(sharded / "2", sharded / "damaged")  # copies: the files of runs are links to one store
    array = next((sharded / "damaged" / "arrays").iterdir())
    array.write_bytes(array.read_bytes()[:-1])
    refused = harness_in(sharded, "merge", "1", "damaged", "3", "--report-dir", "none")
    assert refused.returncode == 2
    assert f"{array.name} is missing or damaged" in refused.stderr


@pytest.fixture
def parts(synthetic, make_case, scenarios):
    """Two runs of a case each, ``a`` and ``b``; ``flipped`` has that of ``a`` with another outcome, ``a2`` with it."""
    a, b = make_case("a", subjects=PAIR), make_case("b", subjects=PAIR)
    for name, case, flipped in (("a", a, 0), ("a2", a, 0), ("b", b, 0), ("flipped", a, 3)):
        synthetic.saved(scenarios / name, synthetic.record(case, {"nsl": flipped, "cleverhans-v4": 0}))
    return scenarios


def edit(folder, change):
    run = json.loads((folder / "run.json").read_text())
    change(run)
    (folder / "run.json").write_text(json.dumps(run))


def test_runs_that_are_no_shards_are_joined_and_the_same_case_counts_once(harness, parts):
    edit(parts / "a2", lambda run: run["environment"].update(processor="another"))
    edit(parts / "b", lambda run: run["environment"].update(processor="one"))
    edit(parts / "a", lambda run: run["environment"].update(processor="one"))
    assert harness("merge", "b", "a", "a2", "--report-dir", "merged").returncode == 0
    merged = body(parts / "merged")
    assert [case["id"] for case in merged["cases"]] == ["b", "a"]
    assert merged["environment"]["processor"] == "another and one"


@pytest.mark.parametrize(
    ("folders", "change", "words"),
    [
        (["a", "flipped"], {}, "a is in a and in flipped, and not the same in both"),
        (["a", "b"], {"environment": {"tensorflow": "2.15.1"}}, "tensorflow is 2.21.0 in a, 2.15.1 in b"),
        (["a", "b"], {"subjects": {"nsl": {"version": "2"}}}, "subject nsl is 1 in a, "),
        (["a", "b"], {"format_version": 99}, "format_version is 99"),
        (["a", "nowhere"], {}, "run.json cannot be read"),
    ],
)
def test_what_cannot_be_one_run_is_refused(harness, parts, folders, change, words):
    def changed(run):
        for name, value in change.items():
            if not isinstance(value, dict):
                run[name] = value
            elif name == "subjects":
                run[name]["nsl"].update(value["nsl"])
            else:
                run[name].update(value)

    edit(parts / "b", changed)
    refused = harness("merge", *folders, "--report-dir", "merged")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert words in refused.stderr
    assert not (parts / "merged" / "run.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--shard", "3/2"], "--shard: expected I/N with I from 1 to N, e.g. 1/3 for the first of three; got '3/2'"),
        (["--shard", "3/3"], "2 selected cases cannot be shared among 3"),
        (["--scheduler", "host"], "--scheduler host: not an address, as tcp://host:8786 is"),
    ],
)
def test_a_share_or_a_cluster_that_is_none_is_one_clear_error(harness, arguments, words):
    refused = harness("run", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert words in refused.stderr
