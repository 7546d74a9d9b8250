"""Arguments in, exit code out; the only room that prints."""

import sys
from collections.abc import Sequence

from jobmojito_batch.cli.alerting import tell_failure
from jobmojito_batch.cli.app import app
from jobmojito_batch.cli.talk import USAGE, begun

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; gives its exit code (spec section 3) and never raises for bad input."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(
            stream, "reconfigure"
        ):  # a Windows console may not be UTF-8; never die of a name
            stream.reconfigure(errors="replace")
    words = list(sys.argv[1:] if argv is None else argv)
    begun.set(False)
    try:
        app(args=words, prog_name="jobmojito-batch")
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else 1
        if code == USAGE and not begun.get() and "invite" in words and "--yes" in words:
            # A night whose command line is wrong fails every night, and nobody looks.
            tell_failure("its command line cannot be used", words[1:])
        return code
    return 0
