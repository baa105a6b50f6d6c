"""The words of the project, as types. Every room imports this module; it imports none of them.

Arrays never travel in these types: they lie in ``.npz`` files, named by the hash of their content.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, Literal

FORMAT_VERSION = 1
"""Of every file that is written. Raised when a reader of the old form would misread the new one."""

SUBJECTS = (
    "nsl",
    "cleverhans-v4",
    "cleverhans-v3",
    "reference-nsl",
    "reference-cleverhans",
    "reference-float64",
)
"""The shipped subjects, in the order in which every table shows them."""

YARDSTICK = "reference-float64"
"""The subject whose outcome says what float32 could know."""

OWN_SUBJECT = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*"
"""The name of a user's own implementation as a pattern: ``module:function``, e.g. ``my_package.attacks:fgsm``."""

NORMS = ("linf", "l2", "l1")

ATTACK_SETTINGS = (
    "epsilon",
    "norm",
    "labels",
    "clip",
    "loss",
    "loss_reduction",
    "feature_mask",
    "dtype",
)
"""The settings of an attack that a scenario may state. One that it leaves out is left to each library's default."""

Kind = Literal["perturbation", "loss", "training"]
OutcomeStatus = Literal["ok", "unsupported", "error", "timeout", "crash"]
ExpectationStatus = Literal["expected", "unexpected", "unstated"]


class Verdict(str, Enum):
    """What a comparison comes to, from best to worst."""

    EQUAL = "EQUAL"
    """Bit for bit."""
    CLOSE = "CLOSE"
    """Round-off explains the difference."""
    DIVERGED = "DIVERGED"
    UNSUPPORTED = "UNSUPPORTED"
    """A side cannot express the case."""
    ERROR = "ERROR"
    """A side failed, or the comparison could not be computed. Never a pass."""

    def __str__(self) -> str:
        return self.value


class HarnessError(Exception):
    """The harness cannot do its job (exit status 2). The message says where, what was expected, what came, the mend."""


class Unsupported(Exception):  # noqa: N818  (an outcome, not a mistake)
    """Raised by a subject for a case that its library cannot express. The message is the reason."""


@dataclass(frozen=True)
class Location:
    """A place in a file, as editors count: line and column from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Expectation:
    """What a scenario says the verdict of one pair must be, and why.

    Attributes:
        outcome: kind training over several seeds: what the equivalence tests must answer together: ``"equivalent"`` in
            every accuracy, ``"different"`` in one, or ``"undecided"``; empty where nothing is said of it.
    """

    verdict: Verdict
    because: str
    location: Location
    outcome: str = ""


@dataclass(frozen=True)
class Case:
    """A scenario at one point of its matrix, all settings fixed. Plain, serialisable data.

    Attributes:
        id: stable, e.g. ``linf-given-labels[epsilon=0.1,norm=l2]``.
        scenario: the scenario's name (its file name without ending).
        kind: what is compared.
        point: the matrix settings of this case, dotted name to value as the file has it.
        model: how to make the model (see ``harness.scenario.models``).
        data: how to make the batch (see ``harness.scenario.data``). Kind training: without ``split``, ``batch`` and
            ``seed``.
        attack: the stated settings only, a subset of ``ATTACK_SETTINGS``. ``epsilon`` is a float in units of x;
            ``norm`` one of ``NORMS``; ``labels`` is ``"given"``, ``"predicted"`` or ``{"target": class}``; ``clip`` is
            ``[low, high]``, either ``None``; ``loss`` is ``"cross_entropy"`` (the one that fits the model's output,
            named explicitly); ``loss_reduction`` is ``"mean"``, ``"sum"`` or ``"none"``; ``feature_mask`` a nested list
            of numbers in [0, 1] that broadcasts to one example, or a mapping of input name to such a list; ``dtype`` is
            ``"float32"`` or ``"float64"``.
        subjects: who takes part, in order.
        expectations: ``"left|right"`` (in the order of ``subjects``) to what is expected of that pair.
        location: the scenario file.
        tags: the scenario's tags.
        summary: the scenario's line.
        training: kinds loss and training; empty for kind perturbation. ``match_scale`` (a bool: the factor by which a
            library's loss differs from the one stated is folded into the rate) is always there. Left out where the
            scenario leaves them to each library: ``weighting`` (``{"clean": float, "adversarial": float}``, not both
            0), ``gradient_flow`` (``"stopped"`` or ``"through"`` the perturbation), ``mode`` of the model for the two
            losses and ``attack_mode`` for the attack's gradient (``"training"`` or ``"inference"``). Left out where
            there is none: ``smoothing`` (in [0, 1)) and ``sample_weights`` (``{"low": float, "high": float,
            "seed": int}``, drawn uniformly).
            Kind training only, always there: ``optimizer`` (``{"kind": "sgd"|"adam"|"rmsprop", "rate": float,
            "momentum": float, "nesterov": bool, "weight_decay": float, "clip_norm": float or None}``), ``steps``,
            ``batch_size``, ``seeds`` (how many repetitions), ``seed`` (orders the batches), ``evaluate``
            (``{"every": int, "epsilons": [float, ...]}``; 0: at the end only) and ``margin`` (percentage points).
    """

    id: str
    scenario: str
    kind: Kind
    point: Mapping[str, Any]
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    attack: Mapping[str, Any]
    subjects: tuple[str, ...]
    expectations: Mapping[str, Expectation]
    location: Location
    tags: tuple[str, ...] = ()
    summary: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What one subject returned for one case.

    Attributes:
        subject: its name.
        status: ``ok`` if there are arrays.
        reason: why there are none; empty if there are.
        seconds: wall time of the subject's work on this case, set-up of its worker aside.
        settings: what the subject really used, its own defaults included.
        defaulted: names of the settings that were left to the subject's default.
        arrays: content hash of the ``.npz``, or empty. Kind perturbation: ``adversarial`` (one array per input, named
            ``adversarial`` or ``adversarial/NAME``); of the yardstick also ``uncertainty`` and ``undetermined``.
        summary: scalar figures: accuracy and loss before and after.
        from_store: whether it was computed by an earlier run.
    """

    subject: str
    status: OutcomeStatus
    reason: str = ""
    seconds: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    defaulted: tuple[str, ...] = ()
    arrays: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    from_store: bool = False


@dataclass(frozen=True)
class Comparison:
    """Two outcomes of one case, compared.

    Attributes:
        left, right: subjects, in table order.
        verdict: see ``Verdict``.
        sentence: the verdict in words: how many elements, the worst, where, what was allowed, what would have passed.
        metrics: figures, see ``harness.oracle.metrics``; empty when a side has no arrays.
        tolerance: the tolerance that the verdict was judged with.
        causes: ``{code, share}`` each; empty until causes are established.
        expected: the expected verdict, or empty when the scenario states none.
        because: why the scenario expects it.
        status: ``expected``, ``unexpected`` or ``unstated``.
    """

    left: str
    right: str
    verdict: Verdict
    sentence: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    tolerance: Mapping[str, Any] = field(default_factory=dict)
    causes: tuple[Mapping[str, Any], ...] = ()
    expected: str = ""
    because: str = ""
    status: ExpectationStatus = "unstated"


@functools.lru_cache(maxsize=1024)
def is_own(subject: str) -> bool:
    """Whether a name is that of a user's own implementation, ``module:function``. Nothing is imported."""
    return re.fullmatch(OWN_SUBJECT, subject) is not None


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces. Raises ``ValueError`` for NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def content_hash(value: Any) -> str:
    """SHA-256 of a JSON value, as hex digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def plain(value: Any) -> dict[str, Any]:
    """A dataclass of this module as plain JSON data."""
    return asdict(value)
