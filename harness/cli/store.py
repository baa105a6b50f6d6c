"""``harness store``: shows what earlier runs left for later ones, and removes what was not used for longest."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Sequence
from pathlib import Path

from harness.cli import options
from harness.vocabulary import HarnessError

_SUMMARY = "Show what earlier runs left for later ones, or remove what was not used for longest."
_REPORTS = Path("reports/latest")


def main(arguments: Sequence[str]) -> None:
    """Show what earlier runs left for later ones, or remove what was not used for longest."""
    parser = options.parser("store", _SUMMARY)
    commands = parser.add_subparsers(metavar="show|prune", required=True)
    showing = commands.add_parser("show", help="what it holds, by kind", allow_abbrev=False)
    showing.set_defaults(command=_show)
    pruning = commands.add_parser("prune", help="remove what was not used for longest", allow_abbrev=False)
    pruning.add_argument("--keep", metavar="SIZE", help="what may stay at most, such as 10GB or 500 MB")
    pruning.add_argument("--older-than", metavar="TIME", help="what was not used for so long goes, such as 30d or 12h")
    pruning.set_defaults(command=_prune)
    for one in (showing, pruning):
        one.add_argument(
            "--report-dir",
            type=Path,
            default=_REPORTS,
            metavar="DIR",
            help=f"a run folder, the store of which is meant (default: {_REPORTS})",
        )
        one.add_argument("--store", type=Path, metavar="DIR", help="the store itself")
    parsed = parser.parse_args(arguments)
    parsed.command(parsed)


def _folder(parsed: argparse.Namespace) -> Path:
    from harness.engine.store import store_folder

    return parsed.store.absolute() if parsed.store else store_folder(parsed.report_dir)


def _show(parsed: argparse.Namespace) -> None:
    from harness.engine.store_care import look_into

    root = _folder(parsed)
    contents = look_into(root)
    print(f"{root}: {_size(contents.size)}")
    kinds = sorted({record.kind for record in contents.records})
    rows = [(kind, [record for record in contents.records if record.kind == kind]) for kind in kinds]
    for kind, entries in [*rows, ("arrays", list(contents.arrays.values()))]:
        print(f"  {kind:12} {len(entries):>9,}  {_size(sum(entry.size for entry in entries)):>10}")
    if contents.records:
        used = [record.used for record in contents.records]
        print(f"  last used between {_day(min(used))} and {_day(max(used))}")
    unnamed, shared = contents.unnamed, [entry for entry in contents.arrays.values() if entry.shared]
    if unnamed:
        size = _size(sum(entry.size for entry in unnamed))
        print(f"  {len(unnamed):,} of the arrays, {size}, are named by no record: harness store prune removes them")
    if shared:
        size = _size(sum(entry.size for entry in shared))
        print(f"  {len(shared):,} of the arrays, {size}, are in run folders, too: to free it, these must go as well")
    if contents.runs:
        print(f"  in use by {contents.runs} run{'s' if contents.runs > 1 else ''} now")


def _prune(parsed: argparse.Namespace) -> None:
    from harness.engine.store_care import bytes_of, prune, seconds_of

    if parsed.keep is None and parsed.older_than is None:
        raise HarnessError("harness store prune: say what may stay, --keep 10GB, or what goes, --older-than 30d.")
    limits = {}
    if parsed.keep is not None:
        limits["keep"] = bytes_of(parsed.keep)
    if parsed.older_than is not None:
        limits["older_than"] = seconds_of(parsed.older_than)
    done = prune(_folder(parsed), **limits)
    removed = [f"{number:,} {kind}" for kind, number in sorted(done.records.items())]
    removed += [f"{done.arrays:,} arrays"] if done.arrays else []
    print(f"removed {', '.join(removed) or 'nothing'}: {_size(done.freed)}; {_size(done.left)} stay")
    if done.left > done.wanted:
        why = "a run that goes on has used them" if done.runs else "they are new, and no record names them yet"
        print(f"That is more than {_size(done.wanted)}: {why}.")


def _size(size: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size:.0f} bytes"


def _day(time: float) -> str:
    return datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
