"""The page of a cause as text, for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from harness.explain.cause import NATURES, Cause, Isolation

_WIDTH = 78


def page(cause: Cause, *, measured: str) -> str:
    """What is known of a cause.

    Args:
        cause: the cause.
        measured: what a run shows of it, or how to measure it; empty for what none can show.
    """
    sections = [
        _wrapped(f"{cause.code}: {cause.title}", indent="", following="  "),
        _wrapped(f"nature: {cause.nature}, {NATURES[cause.nature]}", indent=""),
        _headed("Who does what", _libraries(cause)) if cause.libraries else "",
        _headed("When it matters", [_wrapped(cause.matters)]),
        _headed("To set the libraries alike" if cause.libraries else "What to do", [_wrapped(cause.alike)]),
        _headed("Where it can be seen", _seen(cause)),
        _headed("Measured", [_wrapped(measured)]) if measured else "",
    ]
    return "\n".join(section for section in sections if section)


def command(isolation: Isolation) -> str:
    """The command that runs the scenario."""
    return f"harness run -k {isolation.scenario}"


def settings_text(isolation: Isolation) -> str:
    """The settings of the scenario's matrix at which nothing else is at work: ``norm=l2, epochs=1``; or nothing."""
    return ", ".join(f"{name.rpartition('.')[2]}={_value(value)}" for name, value in isolation.where.items())


def _libraries(cause: Cause) -> Iterator[str]:
    for behaviour in cause.libraries:
        yield _wrapped(f"{behaviour.library} {behaviour.does}.")
        yield f"      {behaviour.name}"
        yield f"      {behaviour.link}"


def _seen(cause: Cause) -> Iterator[str]:
    isolation = cause.isolation
    if isolation is None:
        yield _wrapped(f"in no shipped scenario: {cause.unmeasured}")
    else:
        settings = settings_text(isolation)
        yield f"  {command(isolation)}"
        if settings:
            yield _wrapped(f"at {settings}", indent="      ")
        if isolation.pair:
            yield f"      between {isolation.pair[0]} and {isolation.pair[1]}"
    if cause.option:
        yield f"  in harness.reference: {cause.option}"


def _headed(head: str, lines: Iterator[str] | list[str]) -> str:
    return "\n".join(["", head, *lines])


def _wrapped(text: str, indent: str = "  ", following: str = "") -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=following or indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "+".join(f"{name}:{_value(one)}" for name, one in value.items())
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)
