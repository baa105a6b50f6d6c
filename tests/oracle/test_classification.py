"""Loss and accuracy, against their definitions."""

import numpy as np
import pytest

from harness.oracle.classification import classification

LABELS = np.array([0, 1, 1])


def test_logits_and_their_probabilities_have_the_same_loss():
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    from_logits = classification(logits, LABELS, kind="logits")
    assert from_logits["accuracy"] == pytest.approx(2 / 3)
    assert from_logits["loss"] == pytest.approx(classification(probabilities, LABELS, kind="probabilities")["loss"])


def test_a_confident_model_keeps_its_small_loss():
    loss = classification(np.array([[50.0, 0.0]]), np.array([0]), kind="logits")["loss"]
    assert loss == pytest.approx(np.exp(-50.0), rel=1e-6, abs=0)


def test_an_output_that_is_no_number_is_wrong_and_has_no_loss():
    figures = classification(np.array([[np.nan, 0.0], [0.0, 1.0], [0.0, 1.0]]), LABELS, kind="logits")
    assert figures == {"loss": None, "accuracy": pytest.approx(2 / 3)}
