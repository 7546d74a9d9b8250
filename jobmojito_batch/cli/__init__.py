"""Arguments in, exit code out; the only room that prints."""

import atexit
import gc
import re
import sys
from collections.abc import Sequence
from typing import Any, Final

from jobmojito_batch.cli.at_once import answered
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.file_names import as_text, is_text

__all__ = ["main"]

_FEWEST_NEW: Final = 50_000
"""
Objects between two looks for garbage. A command loads some 100,000 that stay; to look through them
every 700 was a ninth of the time of a short one.
"""
_OPTION: Final = re.compile(r"--?[a-z][a-z-]*")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; gives its exit code (spec section 3) and never raises for bad input."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(
            stream, "reconfigure"
        ):  # a Windows console may not be UTF-8; never die of a name
            stream.reconfigure(errors="replace")
    if argv is None:
        gc.set_threshold(_FEWEST_NEW)
        atexit.register(gc.freeze)  # nor is all that is there looked through once more at the end
    words = list(sys.argv[1:] if argv is None else argv)
    if not all(map(is_text, words)):
        return _refused(words)
    return ExitCode.OK if answered(words) else _run(words)


def _refused(words: Sequence[str]) -> int:
    """The end of a command line that could be written into no result, ledger or alert."""
    from jobmojito_batch.cli.alerting import tell_failure
    from jobmojito_batch.cli.console import say

    says = (
        "there are bytes in it that are no UTF-8: rename the file or folder, or say LC_ALL=C.UTF-8"
    )
    odd = next(as_text(word) for word in words if not is_text(word))
    say(f"jobmojito-batch: {odd}: {says} where the name is right; nothing was sent")
    if _is_unattended_invite(words):
        tell_failure(f"its command line cannot be used: {says}")
    return ExitCode.USAGE


def _run(words: Sequence[str]) -> int:
    from jobmojito_batch.cli.app import app
    from jobmojito_batch.cli.console import begun
    from jobmojito_batch.cli.model_options import bare_filled
    from jobmojito_batch.parameters import FollowUpParameters

    words = bare_filled(FollowUpParameters, words)
    begun.set(False)
    try:
        app(args=words, prog_name="jobmojito-batch")
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else ExitCode.NEEDS_REPAIR
        if code == ExitCode.USAGE and not begun.get() and _is_unattended_invite(words):
            from jobmojito_batch.cli.alerting import tell_failure

            # A night whose command line is wrong fails every night, and nobody looks.
            tell_failure(f"its command line cannot be used{_usage_fault(words)}")
        return code
    return ExitCode.OK


def _is_unattended_invite(words: Sequence[str]) -> bool:
    from jobmojito_batch.cli.console import is_interactive

    return "invite" in words and ("--yes" in words or not is_interactive())


def _usage_fault(words: Sequence[str]) -> str:
    """What is wrong with a command line that was refused, by names alone: values may be people."""
    import typer

    from jobmojito_batch.cli.app import app

    command: Any = typer.main.get_command(app)
    try:
        command.commands["invite"].make_context("invite", list(words[words.index("invite") + 1 :]))
    except Exception as exc:  # noqa: BLE001 - typer keeps the classes of its errors to itself
        parameter = getattr(exc, "param", None)
        if parameter is not None:
            return f": it cannot take what {parameter.opts[0]} is given, or lacks it"
        option = getattr(exc, "option_name", "")
        if _OPTION.fullmatch(option):
            is_there = any(option in known.opts for known in command.commands["invite"].params)
            return f": {option} lacks its value" if is_there else f": there is no option {option}"
    return ""
