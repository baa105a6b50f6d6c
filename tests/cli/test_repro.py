"""``harness repro``: what it writes, and what it says of cases that it cannot write."""

from __future__ import annotations


def test_a_script_of_a_finished_run(harness, scenarios, synthetic, make_case):
    case = make_case("a[norm=l2]", subjects=("nsl", "cleverhans-v4", "reference-nsl"))
    record = synthetic.record(case, {"nsl": 2, "cleverhans-v4": 0, "reference-nsl": 2})
    synthetic.saved(scenarios / "runs" / "one", record)

    shown = harness("repro", "a[norm=l2]", "--run", "runs/one")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("a-norm-l2.py: nsl and cleverhans-v4, DIVERGED: 2 of 64 elements differ")
    text = (scenarios / "a-norm-l2.py").read_text()
    compile(text, "a-norm-l2.py", "exec")
    assert "python a-norm-l2.py" in text

    other = harness("repro", "--run", "runs/one", "--pair", "cleverhans-v4,nsl", "a[norm=l2]", "-o", "new/b.py")
    assert (other.returncode, other.stderr) == (0, "")
    assert (scenarios / "new" / "b.py").is_file()

    for arguments, message in (
        (("a[norm=l1]", "--run", "runs/one"), "there is no case 'a[norm=l1]'. Did you mean 'a[norm=l2]'?"),
        (("a[norm=l2]", "--run", "runs/one", "--pair", "nsl,reference-nsl"), "reference-nsl is this project's own"),
        (("a[norm=l2]", "--run", "runs/one", "--pair", "nsl,cleverhans-v3"), "was not run on nsl,cleverhans-v3"),
        (("a[norm=l2]", "--run", "runs/two"), "runs/two/run.json cannot be read"),
        (("a[norm=l2]", "--pair", "nsl,cleverhans"), "'cleverhans' is not a subject"),
        (("a[norm=l3]", "scenarios"), "Did you mean 'a[norm=l2]'?"),
    ):
        refused = harness("repro", *arguments)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert message in refused.stderr


def test_a_model_file_goes_beside_the_script(harness, scenarios, synthetic, make_case):
    model = scenarios / "mine.keras"
    model.write_bytes(b"layers")
    record = synthetic.record(make_case("a", model={"keras": str(model)}), {"nsl": 2, "cleverhans-v4": 0})
    synthetic.saved(scenarios / "run", record)
    shown = harness("repro", "a", "--run", "run", "-o", "issue/a.py")
    assert shown.stdout.startswith("issue/a.py and issue/mine.keras: nsl and cleverhans-v4")
    assert (scenarios / "issue" / "mine.keras").read_bytes() == b"layers"
    assert 'path = os.path.join(folder, "mine.keras")' in (scenarios / "issue" / "a.py").read_text()
    model.unlink()
    refused = harness("repro", "a", "--run", "run", "-o", "other/a.py")
    assert refused.returncode == 2
    assert "mine.keras cannot be read" in refused.stderr
