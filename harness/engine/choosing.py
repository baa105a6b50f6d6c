"""Which cases a user means: by id, by an expression over ids, or all."""

from __future__ import annotations

from collections.abc import Sequence

from harness.scenario.keyword import parse_keyword
from harness.vocabulary import HarnessError


def choose_cases(ids: Sequence[str], words: Sequence[str], *, everything: bool) -> dict[str, bool]:
    """The chosen ids, in their order, and whether each was named by its id.

    Args:
        ids: those there are.
        words: ids, or expressions as ``-k`` takes them.
        everything: all of them, besides.

    Raises:
        HarnessError: nothing is named, a word chooses nothing, or an expression is wrong.
    """
    if not words and not everything:
        raise HarnessError(
            "nothing is named: expected ids of cases, expressions as harness run -k takes them, or --all."
        )
    chosen = dict.fromkeys(ids, False) if everything else {}
    for word in words:
        if word in ids:
            chosen[word] = True
            continue
        found = [case for case in ids if parse_keyword(word).matches(case)]
        if not found:
            raise HarnessError(_unknown(word, ids))
        chosen |= {case: chosen.get(case, False) for case in found}
    return {case: chosen[case] for case in ids if case in chosen}


def _unknown(word: str, ids: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, ids, n=3, cutoff=0.4)
    guess = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"{word!r} is no case, nor does it occur in the id of one of the {len(ids):,} there are.{guess}"
