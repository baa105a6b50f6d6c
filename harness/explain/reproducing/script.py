"""A case and a pair of libraries as one Python file that needs this project no longer."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.engine.record import CaseRecord, Run, by_prefix
from harness.explain.reproducing.calls import Question, function_name, refuse_reference
from harness.explain.reproducing.loss import loss_source
from harness.explain.reproducing.model import model_source
from harness.explain.reproducing.perturbation import perturbation_source
from harness.explain.reproducing.text import in_text, render, source
from harness.explain.reproducing.training import Course, course_of, steps_source, training_source
from harness.scenario.data import SINGLE_INPUT
from harness.subjects.registry import load_subject
from harness.vocabulary import Comparison, HarnessError, Verdict, is_own

INLINE = 4000
"""Numbers that a script holds itself; more of them go into a file beside it."""

_DISTRIBUTIONS = ("tensorflow", "tf-keras", "numpy")


@dataclass(frozen=True)
class Script:
    """A reproduction.

    Attributes:
        text: of the Python file.
        arrays: bytes of the ``.npz`` beside it; empty when there is none.
        model_file: a Keras file that must lie beside it, too, where it is now; ``None`` when there is none.
    """

    text: str
    arrays: bytes
    model_file: Path | None = None


def reproduction_script(run: Run, record: CaseRecord, comparison: Comparison, *, name: str) -> Script:
    """The script that sets a case up and calls both libraries as their subjects do.

    Args:
        run: that has the case.
        record: the case.
        comparison: of the pair.
        name: of the file, without its ending; the arrays beside it are named alike.

    Raises:
        HarnessError: a side is this project's own, or a library cannot express the case.
    """
    pair = (comparison.left, comparison.right)
    for subject in pair:
        refuse_reference(subject)
        outcome = record.outcome(subject)
        if outcome.status == "unsupported":
            raise HarnessError(f"{record.case.id}: {subject} cannot express this case: {outcome.reason}.")
    question, arrays = _question(run, record, pair)
    course = course_of(run, record, comparison) if record.case.kind == "training" else None
    if course is not None:
        arrays |= course.arrays
    inline = sum(array.size for array in arrays.values()) <= INLINE
    texts = {key: in_text(array, 4 * ("weights" in key)) for key, array in arrays.items()} if inline else {}
    inline = inline and None not in texts.values()
    data = _data(arrays, texts if inline else None, name)
    excused = _excused(run, record, comparison)
    with_v3 = "cleverhans-v3" in pair
    environment = load_subject(pair[0]).ENVIRONMENT
    text = render(
        "script",
        {
            "title": _title(run, record, comparison),
            "description": _description(run, record, comparison, name),
            "modules": _modules(record, pair, inline=inline),
            "variables": environment.variables,
            "with_v3": with_v3,
            "with_nsl": _with_nsl(pair),
            "inline": inline,
            "data": f"{data}\n{_constants(question, comparison, excused, course)}",
            "model": _model(question, _shapes(run, record)),
            "left": _side(pair[0], question, course),
            "right": _side(pair[1], question, course),
            "calls": [_called(subject) for subject in pair],
            "comparison": render(f"compare_{record.case.kind}", {"excused": bool(excused)}),
        },
    )
    model_file = record.case.model.get("keras")
    return Script(_spaced(text), b"" if inline else _npz(arrays), Path(model_file) if model_file else None)


def _with_nsl(pair: Sequence[str]) -> bool:
    """Whether NSL must be there to be imported: what a user has written may want it, too."""
    return "nsl" in pair or any(map(is_own, pair))


def _question(run: Run, record: CaseRecord, pair: Sequence[str]) -> tuple[Question, dict[str, np.ndarray]]:
    """What is asked, and the arrays that it takes, by the names of the script."""
    case = record.case
    stored = run.arrays(record.identity["data"])
    inputs = by_prefix(stored, "input")
    dtype = str(next(iter(inputs.values())).dtype)
    arrays = {f"input/{name}": array for name, array in inputs.items()} | {"labels": stored["labels"]}
    if "sample_weights" in stored:
        arrays["sample_weights"] = stored["sample_weights"]
    for name, array in sorted(run.arrays(record.identity["weights"]).items()):
        own = array.astype(dtype) if array.dtype == np.float32 else array
        if name.startswith("before/"):
            arrays[f"weights_before/{name.rpartition('/')[2]}"] = own
        elif name.rpartition("/")[0] in ("", "000"):
            arrays[f"weights/{name.rpartition('/')[2]}"] = own
    returned = [record.outcome(subject) for subject in pair]
    gradients: list[str] = []
    if case.kind == "loss":
        digest = next((outcome.arrays for outcome in returned if outcome.arrays), "")
        found = by_prefix(run.arrays(digest), "gradient") if digest else {}
        gradients = sorted(found, key=lambda one: (not one.startswith("before-"), one))
    question = Question(
        case=case,
        names=list(inputs),
        dtype=dtype,
        classes=_classes(record, stored["labels"]),
        settings={outcome.subject: outcome.settings for outcome in returned},
        gradients=gradients,
    )
    return question, arrays


def _model(question: Question, shapes: Mapping[str, Sequence[int]]) -> str:
    built = model_source(question.case.model, shapes, question.dtype)
    return f"{built}\n{steps_source()}" if question.case.kind == "training" else built


def _classes(record: CaseRecord, labels: np.ndarray) -> int:
    from harness.scenario.facts import SHIPPED

    data = record.case.data
    if data["source"] in SHIPPED:
        return SHIPPED[data["source"]].classes
    return int(data.get("classes") or labels.max() + 1)


def _shapes(run: Run, record: CaseRecord) -> Mapping[str, Sequence[int]]:
    return {name: array.shape[1:] for name, array in run.inputs(record).items()}


def _data(arrays: Mapping[str, np.ndarray], texts: Mapping[str, str | None] | None, name: str) -> str:
    lines = []
    if texts is None:
        lines.append("FOLDER = os.path.dirname(os.path.abspath(__file__))")
        lines.append(f'arrays = np.load(os.path.join(FOLDER, "{name}.npz"))')
    values = {key: f'arrays["{key}"]' for key in arrays} if texts is None else texts
    names = [key.partition("/")[2] for key in arrays if key.startswith("input/")]
    if names == [SINGLE_INPUT]:
        lines += [f"x = {values['input/x']}", f'inputs = {{"{SINGLE_INPUT}": x}}']
    else:
        each = "".join(f"    {source(one)}: {values[f'input/{one}']},\n" for one in names)
        lines.append(f"inputs = {{\n{each}}}")
    lines += [f"{key} = {value}" for key, value in values.items() if "/" not in key]
    for group in ("weights_before", "weights"):
        members = [value for key, value in values.items() if key.startswith(f"{group}/")]
        if members:
            lines.append(f"{group} = [\n{''.join(f'    {one},' + chr(10) for one in members)}]")
    return "\n".join(lines)


def _constants(question: Question, comparison: Comparison, excused: Mapping[str, Any], course: Course | None) -> str:
    """What the comparison of a script needs to know."""
    kind = question.case.kind
    lines = ["", f'LEFT, RIGHT = "{comparison.left}", "{comparison.right}"']
    if kind == "training":
        return "\n".join([*lines, *(course.constants if course else ())])
    limit = "max_roundoff" if kind == "perturbation" else "max_gradient_roundoff"
    lines.append(f"ROUNDOFF = {source(comparison.tolerance.get(limit, 4.0))}")
    sides = [question.settings.get(side) or {} for side in (comparison.left, comparison.right)]
    if kind == "perturbation":
        epsilons = [side["epsilon"] for side in sides if side]
        lines.append(f"EPSILON = {source(max(epsilons, default=question.attack.get('epsilon', 0.0)))}")
        if excused:
            lines.append(
                f"BEYOND_FLOAT32 = {{\n{''.join(f'    {source(k)}: {v},' + chr(10) for k, v in excused.items())}}}"
            )
    else:
        scales = [side["objective"]["scale"] if side else 1.0 for side in sides]
        each = "".join(f"    {source(name)},\n" for name in (f"gradient/{one}" for one in question.gradients))
        lines.append(f"GRADIENTS = [\n{each}]")
        lines.append("# From what a library computes to the objective that is stated.")
        lines.append(f"SCALE = {{LEFT: {source(scales[0])}, RIGHT: {source(scales[1])}}}")
        each = "".join(f"    {source(name)}: {source(value)},\n" for name, value in excused.items())
        if excused:
            lines.append("# How far float32 may be from double precision.")
        lines.append(f"ALLOWED = {{\n{each}}}" if excused else "ALLOWED = {}")
    return "\n".join(lines)


def _excused(run: Run, record: CaseRecord, comparison: Comparison) -> dict[str, Any]:
    """What float32 cannot know, where the verdict rests on it."""
    from harness.explain.reproducing.excuse import excused_elements, excused_losses

    if comparison.verdict is not Verdict.CLOSE or record.case.kind == "training":
        return {}
    if record.case.kind == "loss":
        return excused_losses(run, record, comparison)
    return {
        name: in_text(indices, 4) if len(indices) else "[]"
        for name, indices in excused_elements(run, record, comparison).items()
    }


def _side(subject: str, question: Question, course: Course | None) -> str:
    if question.case.kind == "perturbation":
        return perturbation_source(subject, question)
    if question.case.kind == "loss":
        return loss_source(subject, question)
    assert course is not None
    return training_source(subject, question)


def _called(subject: str) -> str:
    return "cleverhans_v3_in_its_own_process" if subject == "cleverhans-v3" else function_name(subject)


def _modules(record: CaseRecord, pair: Sequence[str], *, inline: bool) -> list[str]:
    modules = {"os", "sys"}
    if "cleverhans-v3" in pair:
        modules |= {"collections", "collections.abc", "subprocess", "tempfile", "types"}
    if _with_nsl(pair):
        modules.add("types")
    if record.case.kind == "loss" and any(map(is_own, pair)):
        modules.add("inspect")
    if record.case.training.get("attack_mode") == "training" and "cleverhans-v4" in pair:
        modules.add("functools")
    if "layers" not in record.case.model and "keras" in record.case.model:
        modules.add("json")
    return sorted(modules)


def _title(run: Run, record: CaseRecord, comparison: Comparison) -> str:
    left, right = (_named(run, side) for side in (comparison.left, comparison.right))
    what = {"perturbation": "adversarial examples", "loss": "losses and gradients", "training": "trained weights"}
    says = {
        Verdict.EQUAL: "equal, bit for bit",
        Verdict.CLOSE: "equal but for round-off",
        Verdict.DIVERGED: "different",
        Verdict.ERROR: "none from one of them",
    }[comparison.verdict]
    title = f"{left} and {right}: {what[record.case.kind]}, {says}."
    return textwrap.fill(title, 84, break_on_hyphens=False)


def _named(run: Run, subject: str) -> str:
    description = run.subjects[subject]
    return f"{subject if is_own(subject) else description['library']} {description['version']}".strip()


def _description(run: Run, record: CaseRecord, comparison: Comparison, name: str) -> str:
    case, environment = record.case, run.environment
    versions = [f"{one} {environment[one]}" for one in _DISTRIBUTIONS if environment.get(one, "missing") != "missing"]
    versions = [
        f"Python {environment.get('python', 'of an unknown version')}",
        *versions,
        *(_named(run, s) for s in (comparison.left, comparison.right)),
    ]
    stated = {"attack": case.attack, "training": case.training}
    settings = [f"{room}: {_stated(values)}" for room, values in stated.items() if values]
    paragraphs = [
        f"Case {case.id}: {case.summary}",
        *(settings or ["attack: nothing is stated, so that each library's defaults hold"]),
        f"Measured: {comparison.sentence}.",
        f"With {', '.join(versions)}; {environment.get('platform', '')}, {environment.get('processor', '')}.",
        f"python {name}.py prints both results and ends with status 1 while they diverge,"
        " with 0 when round-off explains the difference.",
    ]
    # The text of others goes into a string of Python.
    return "\n\n".join(textwrap.fill(_tame(one), 84, break_on_hyphens=False) for one in paragraphs)


def _stated(values: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in values.items() if name not in ("seeds", "margin", "evaluate")}
    return ", ".join(f"{name} {_short(value)}" for name, value in shown.items())


def _short(value: Any) -> str:
    text = source(value).replace('"', "")
    return text if len(text) <= 160 else f"{text[:157]}..."


def _tame(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text).replace("\\", "\\\\").replace('"', "'")


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))  # type: ignore[arg-type]
    return buffer.getvalue()


def _spaced(text: str) -> str:
    """The text with two empty lines around functions and classes, and of other empty ones at most one in a row."""
    lines: list[str] = []
    empty, quoted, after_block = 0, False, False
    for line in text.splitlines():
        if not line and not quoted:
            empty += 1
            continue
        if not quoted:
            at_top = not line[0].isspace() and not line.startswith((")", "]", "}", "else", "elif"))
            begins = line.startswith(("def ", "class "))
            apart = at_top and (begins or after_block)
            lines += [""] * (2 if apart and lines else min(empty, 1))
            after_block = begins or (after_block and not at_top)
        lines.append(line)
        empty = 0
        quoted ^= line.count('"""') % 2 == 1
    return "\n".join(lines) + "\n"
