"""The summary file: counts and ids for programs, no person."""

import json
from pathlib import Path

from jobmojito_batch.publish.atomic_write import written_whole
from jobmojito_batch.summary import Summary


def write_summary(target: Path, summary: Summary) -> None:
    """Write *summary* to *target*, whole, as JSON in UTF-8; raises what `written_whole` raises."""
    text = json.dumps(summary.as_json(), ensure_ascii=False, indent=2, allow_nan=False)
    with written_whole(target) as path:
        path.write_text(text + "\n", encoding="utf-8", newline="\n")
