"""The arithmetic of a bridge, on results that are numbers."""

import numpy as np
import pytest

from harness.explain.bridge import Distance, attribution, causes_of, span
from harness.subjects.stances.stance import differing, plainest

LEFT = {"epsilon": 1.0, "norm": "l2", "clip": None}
RIGHT = {"epsilon": 4.0, "norm": "linf", "clip": [0, 1]}


def distance(a, b):
    gap = abs(a - b)
    return Distance(float(gap > 0.01), float(gap) if np.isfinite(gap) else np.inf)


def bridged(result, left=LEFT, right=RIGHT):
    """The bridge over results that ``result`` makes of a stance."""
    return span(left, right, list(left), lambda stance: str(result(stance)), result)


def moved(stance):
    """Epsilon moves by 3, the norm by 1, the clip by nothing."""
    return stance["epsilon"] + (stance["norm"] == "linf")


def test_each_setting_gets_what_it_moves():
    found = attribution(bridged(moved), distance, remainder=0.0, whole=4.0)
    assert {code: one["share"] for code, one in found["settings"].items()} == {"epsilon": 0.75, "norm": 0.25, "clip": 0}
    assert [(step["code"], step["l2"]) for step in found["steps"]] == [("epsilon", 3), ("norm", 4), ("clip", 4)]
    assert found["evaluated"] == 4  # of 8 combinations: the clip makes no result of its own
    assert [one["code"] for one in causes_of({**found, "reason": ""})] == ["epsilon", "norm"]


def test_shares_are_the_same_from_either_side():
    places = {(1.0, "l2"): 0, (4.0, "l2"): 3, (1.0, "linf"): 4j, (4.0, "linf"): 1 + 1j}

    def bent(stance):  # detours: neither bank alone tells how far across a combination is
        return places[stance["epsilon"], stance["norm"]]

    there = attribution(bridged(bent), distance, remainder=0.0, whole=49.0)["settings"]
    back = attribution(bridged(bent, RIGHT, LEFT), distance, remainder=0.0, whole=49.0)["settings"]
    assert {c: one["share"] for c, one in there.items()} == pytest.approx({c: one["share"] for c, one in back.items()})
    assert sum(one["share"] for one in there.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("result", "makes", "removes"),
    [
        (moved, {"epsilon": True, "norm": True, "clip": False}, dict.fromkeys(LEFT, False)),
        (lambda s: float(s["epsilon"] == 4 and s["norm"] == "linf"), dict.fromkeys(LEFT, False),
         {"epsilon": True, "norm": True, "clip": False}),
    ],
)  # fmt: skip
def test_what_alone_makes_or_removes_the_divergence_is_named(result, makes, removes):
    settings = attribution(bridged(result), distance, remainder=0.0, whole=1.0)["settings"]
    assert {code: one["alone_makes"] for code, one in settings.items()} == makes
    assert {code: one["alone_removes"] for code, one in settings.items()} == removes


def test_what_is_left_at_the_ends_is_round_off_and_all_shares_add_up():
    found = attribution(bridged(moved), distance, remainder=0.04, whole=4.0)
    causes = causes_of({**found, "reason": ""})
    assert {one["code"]: one["share"] for one in causes} == pytest.approx(
        {"epsilon": 0.7425, "norm": 0.2475, "round-off": 0.01}
    )


def test_where_a_side_is_not_finite_elements_are_counted():
    found = attribution(
        bridged(lambda s: np.nan if s["norm"] == "linf" else 1.0),
        lambda a, b: Distance(float(np.isnan(a) != np.isnan(b)), np.inf if np.isnan(a) != np.isnan(b) else 0.0),
        remainder=np.inf,
        whole=np.inf,
    )
    assert found["measure"] == "elements"
    assert found["settings"]["norm"]["share"] == 1
    assert found["settings"]["norm"]["l2"] is None


def test_settings_that_cannot_matter_make_no_difference():
    base = {
        **{"label-source": "given", "prediction-ties": "all", "target": None, "norm": "linf", "l2-form": "exact"},
        **{"clip": [0, 1], "clip-order": "low-then-high", "gradient-flow": "through"},
    }
    others = {"prediction-ties": "first", "l2-form": "sqrt-divide", "clip-order": "high-then-low"}
    assert plainest(base) == plainest({**base, **others, "gradient-flow": "stopped"})
    for matters in ({"label-source": "predicted"}, {"norm": "l2"}, {"clip": [1, 0]}):
        assert plainest({**base, **matters}) != plainest({**base, **others, **matters})


def test_the_same_weighting_in_another_form_is_no_difference():
    ratio = {"loss-weighting": {"clean": 1.0, "adversarial": 0.2, "scale": 1.0}}
    same = {"loss-weighting": {"clean": 1 / 1.2, "adversarial": 0.2 / 1.2, "scale": 1.2}}
    assert differing(ratio, same) == []
    assert differing(ratio, {"loss-weighting": {**same["loss-weighting"], "scale": 1.0}}) == ["loss-weighting"]


def test_beyond_ten_settings_orders_are_sampled_and_shares_still_add_up_to_the_whole():
    left, right = ({f"setting-{number:02d}": value for number in range(12)} for value in (0, 1))
    asked = []

    def together(stance):  # the first three only together, each of the others by itself
        asked.append(stance)
        values = list(stance.values())
        return 9.0 * min(values[:3]) + sum(values[3:])

    bridge = span(left, right, list(left), lambda stance: str(list(stance.values())), together)
    found = attribution(bridge, distance, remainder=0.18, whole=18.0)
    shares = np.array([one["share"] for one in found["settings"].values()])
    errors = np.array([one["error"] for one in found["settings"].values()])
    assert shares.sum() + found["round_off"] == pytest.approx(1, abs=1e-12)
    exact = 0.99 * np.array([3, 3, 3, *[1] * 9]) / 18
    assert (np.abs(shares - exact) <= 3 * errors + 1e-12).all()
    assert (errors[:3] > 0).all()
    assert found["sampled"] == 84
    assert found["evaluated"] == len(asked) < 1 << 11
    assert found["settings"]["setting-05"]["alone_makes"]
    assert not found["settings"]["setting-01"]["alone_makes"]
    assert found["steps"][-1]["l2"] == 18
