"""``harness schema``: the form of scenario files, for editors."""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.cli import options
from harness.scenario.schema.scenario import json_schema


def main(arguments: Sequence[str]) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    options.parser("schema", "Print the JSON Schema of scenario files, for editors.").parse_args(arguments)
    print(json.dumps(json_schema(), indent=2))
