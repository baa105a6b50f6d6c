"""How a run gets on a cluster: an address that answers, and workers that have what the starting process has."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from harness.engine import remote
from harness.engine.work import in_one_line
from harness.vocabulary import HarnessError, content_hash

PATIENCE = 10.0
"""Seconds to wait for a scheduler that does not answer."""

FIRST_WORKER = 30.0
"""Seconds to wait for its first worker: it may just have been started, too."""


def connect(address: str) -> Any:
    """A client of the scheduler at an address. Raises ``HarnessError`` when Dask is not installed or none answers."""
    try:
        import distributed
        from dask import config
        from distributed.comm.addressing import get_address_host_port
    except ModuleNotFoundError:
        raise HarnessError(
            "--scheduler needs the package 'distributed'. To mend it: pip install 'adversarial-harness[cluster]'"
        ) from None
    # What Dask would print is said by what is raised; and pretraining data may be larger than it finds reasonable.
    for name in [one for one in logging.root.manager.loggerDict if one.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"})
    try:
        get_address_host_port(address, strict=True)  # a client of an address that is none cannot be closed
    except ValueError as error:
        raise HarnessError(f"--scheduler {address}: not an address, as tcp://host:8786 is: {error}") from error
    try:
        return distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise HarnessError(
            f"--scheduler {address}: no scheduler answers there ({in_one_line(error)}). "
            "Start one: dask scheduler; it prints its address, e.g. tcp://host:8786"
        ) from error


def agree(client: Any, address: str) -> tuple[str, Mapping[Any, str]]:
    """Waits for the first worker, and makes sure that all of them have what this process has.

    Args:
        client: connected.
        address: of its scheduler.

    Returns:
        Hash of what is the same everywhere, and the machine that the workers compute on.

    Raises:
        HarnessError: no worker is there, or one has other versions than this process or another processor than the
            others.
    """
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER)
    except TimeoutError:
        raise HarnessError(
            f"--scheduler {address}: no worker is there. Start some: dask worker {address} --nthreads 1"
        ) from None
    here = remote.versions()
    found = client.run(remote.versions, on_error="return")
    machines: dict[tuple[str, ...], list[str]] = {}
    problems: dict[str, list[str]] = {}
    for worker, there in sorted(found.items()):
        if not isinstance(there, Mapping):
            problems.setdefault(f"the harness cannot be imported: {in_one_line(there)}", []).append(worker)
            continue
        machines.setdefault(tuple(str(there[name]) for name in remote.MACHINE), []).append(worker)
        for name in here:
            if name not in remote.MACHINE and there.get(name) != here[name]:
                said = f"{name} is {there.get(name, 'missing')}; here it is {here[name]}"
                problems.setdefault(said, []).append(worker)
    if len(machines) > 1:
        problems |= {f"computes on {', '.join(machine)}": workers for machine, workers in machines.items()}
    if problems:
        raise HarnessError(
            f"--scheduler {address}: outcomes would not be comparable. Give every worker the same versions "
            "and the same kind of processor, and start it again:\n"
            + "\n".join(f"  {_named(workers)}: {said}" for said, workers in problems.items())
        )
    (computing,) = machines
    machine = dict(zip(remote.MACHINE, computing, strict=True))
    return content_hash({**here, **machine}), machine


def _named(workers: Sequence[str]) -> str:
    """Workers by address; of many the first and how many."""
    return workers[0] if len(workers) == 1 else f"{workers[0]} and {len(workers) - 1} more"
