"""The settings by their dotted names, e.g. ``attack.norm``: what a matrix may vary and a ``where`` may ask for."""

from __future__ import annotations

from harness.scenario.schema.attack import ATTACK
from harness.scenario.schema.data import DATA
from harness.scenario.schema.forms import Form
from harness.scenario.schema.mapping import Section, Shorthand
from harness.scenario.schema.model import MODEL
from harness.scenario.schema.training import TRAINING

SECTIONS = {"model": MODEL, "data": DATA, "attack": ATTACK, "training": TRAINING}
"""The sections of a scenario file that hold settings."""


def _settings(section: Section, prefix: str) -> dict[str, Form]:
    found: dict[str, Form] = {}
    for name, key in section.keys.items():
        found[f"{prefix}.{name}"] = key.form
        inner = key.form.section if isinstance(key.form, Shorthand) else key.form
        if isinstance(inner, Section):
            found |= _settings(inner, f"{prefix}.{name}")
    return found


SETTINGS: dict[str, Form] = {
    name: form for prefix, section in SECTIONS.items() for name, form in _settings(section, prefix).items()
}
"""Every dotted setting with its form."""
