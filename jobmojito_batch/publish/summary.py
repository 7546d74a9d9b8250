"""The summary file: counts and ids for programs, no person."""

import json
from collections.abc import Mapping
from pathlib import Path

from jobmojito_batch.publish.whole import written_whole


def write_summary(target: Path, summary: Mapping[str, object]) -> None:
    """Write *summary* to *target*, whole, as JSON in UTF-8; raises what `written_whole` raises."""
    text = json.dumps(summary, ensure_ascii=False, indent=2, allow_nan=False)
    with written_whole(target) as path:
        path.write_text(text + "\n", encoding="utf-8", newline="\n")
