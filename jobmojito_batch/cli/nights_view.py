"""`status --nights`: the recent nights, one in a line."""

from dataclasses import asdict
from typing import Final

from jobmojito_batch.cli.console import out, plain, print_json, seconds_text
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline.nightly.trend import NightLine, most, recent_nights
from jobmojito_batch.settings import Settings

BAR_CELLS: Final = 8
HEADS: Final = (
    "night (UTC)",
    "exit",
    "rows",
    "",
    "invited",
    "repair",
    "unknown",
    "credits",
    "took",
)


def show_nights(settings: Settings, *, as_json: bool) -> int:
    """What the ledger has of the latest runs that belong to a series."""
    with Ledger.existing(settings.ledger_url) as ledger:
        nights = recent_nights(ledger) if ledger is not None else []
    if as_json:
        lines = [asdict(night) | {"started_at": night.started_at.isoformat()} for night in nights]
        print_json({"schema_version": 1, "nights": lines})
    elif nights:
        _print(nights)
    else:
        out().print("no nights yet")
    return ExitCode.OK


def _print(nights: list[NightLine]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in HEADS:
        table.add_column(head, justify="left" if head in {"", HEADS[0]} else "right", no_wrap=True)
    largest = most(nights)
    for night in nights:
        bar = "█" * round(BAR_CELLS * night.rows / largest) or ("▏" if night.rows else "")
        table.add_row(
            f"{night.started_at:%Y-%m-%d %H:%M}",
            "crashed" if night.exit_code is None else str(night.exit_code),
            str(night.rows), bar, plain(night.invited), plain(night.to_repair),
            plain(night.unknown), f"{night.credits:g}",
            "" if night.seconds is None else seconds_text(night.seconds),
        )  # fmt: skip
    out().print(table)
