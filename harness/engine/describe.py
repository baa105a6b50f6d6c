"""What a run records about its subjects. Only a worker can tell of a user's own, for only workers import its code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pebble import ProcessExpired

from harness.engine.schedule import death_of
from harness.engine.workers import Pool
from harness.subjects.own_source import describe
from harness.subjects.protocol import Unavailable
from harness.subjects.registry import load_subject
from harness.vocabulary import HarnessError, is_own


def describe_subjects(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Library, version, API and environment of subjects; or why one is unavailable.

    Of a user's own only what is known before its code is imported; see ``describe_own_subjects``.
    """
    described = {}
    for name in names:
        subject = load_subject(name)
        description: dict[str, Any] = {
            "library": subject.LIBRARY,
            "api": subject.API,
            "environment": subject.ENVIRONMENT.name,
            "variables": dict(subject.ENVIRONMENT.variables),
        }
        try:
            description["version"] = subject.version()
        except Unavailable as reason:
            description |= {"version": "", "unavailable": str(reason)}
        described[name] = description
    return described


def describe_own_subjects(
    names: Iterable[str], workers: Pool, *, limits: Mapping[str, int], timeout: float
) -> dict[str, dict[str, Any]]:
    """The same of the users' own among these subjects, with what ``harness.subjects.own_source.describe`` finds out.

    Args:
        names: of subjects; only those of users are looked at.
        workers: that will run them.
        limits: how many workers each environment is to have, by its name.
        timeout: seconds for the import of one.

    Raises:
        HarnessError: with everything that is wrong with any of them.
    """
    own = [name for name in names if is_own(name)]
    environments = {name: load_subject(name).ENVIRONMENT for name in own}
    futures = {
        name: workers.submit(environment, describe, name, workers=limits.get(environment.name, 1), timeout=timeout)
        for name, environment in environments.items()
    }
    described, problems = describe_subjects(own), []
    for name, future in futures.items():
        try:
            described[name] |= _answer(name, future, workers, timeout)
        except HarnessError as error:
            problems.append(str(error))
    if problems:
        raise HarnessError("\n".join(dict.fromkeys(problems)))
    return described


def _answer(name: str, future: Future, workers: Pool, timeout: float) -> dict[str, Any]:
    try:
        return future.result()
    except FutureTimeoutError:
        raise HarnessError(
            f"subject {name}: importing it took longer than {timeout:g} s and was stopped (--timeout sets the limit)"
        ) from None
    except ProcessExpired as death:
        raise HarnessError(
            f"subject {name}: the process that imported {name.partition(':')[0]} {death_of(death, workers)}"
        ) from None
    except BrokenProcessPool:
        raise HarnessError(f"subject {name}: a process for it could not start. Run the command again.") from None
