"""Arguments in, exit code out; the only room that prints."""

import sys
from collections.abc import Sequence

from jobmojito_batch.cli.app import app

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; gives its exit code (spec section 3) and never raises for bad input."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(
            stream, "reconfigure"
        ):  # a Windows console may not be UTF-8; never die of a name
            stream.reconfigure(errors="replace")
    try:
        app(args=None if argv is None else list(argv), prog_name="jobmojito-batch")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 1
    return 0
