"""The PDF reports of submitted interviews: once for each result and change, into one folder."""

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from jobmojito_batch.client import JobMojito
from jobmojito_batch.columns import Stage
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.ledger import Followed
from jobmojito_batch.publish import write_fault, written_whole
from jobmojito_batch.sending import Reader, SendContext
from jobmojito_batch.verdict import is_safe_link

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_MOST_NAME: Final = 100
_PDF: Final = b"%PDF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What fetching came to."""

    written: int = 0
    failed: int = 0


def folder_for_reports(name: str) -> Path:
    """The folder, made if it is absent, for its owner alone. Raises SettingsError."""
    folder = Path(name)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise SettingsError(str(write_fault(folder, exc))) from None
    if not folder.is_dir():
        raise SettingsError(f"--reports {folder}: is no folder")
    return folder


def key_of(of: Followed) -> str | None:
    """What the report is of: another key is another report; None where there is none to fetch."""
    last = of.last
    if last is None or last.stage is not Stage.SUBMITTED or not last.interview_result_id:
        return None
    said = f"{last.interview_result_id}|{last.score}|{last.decision}|{last.rows}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def due(mine: Iterable[Followed]) -> list[Followed]:
    """Whose report was not fetched since the result last changed."""
    return [of for of in mine if (key := key_of(of)) is not None and key != of.report_key]


async def fetch(
    context: SendContext, mine: Sequence[Followed], folder: Path, names: Mapping[int, str]
) -> Fetched:
    """
    Fetch the reports of *mine* into the folder, under *names* (by invitation, without suffix).

    What may cost credits is asked for once; the ledger notes a report when its file is whole.
    """
    reader = Reader(context)
    written = failed = 0
    for of in mine:
        if reader.is_stopping:
            break
        pdf = await _pdf(reader, context.api, str(of.last.interview_result_id if of.last else ""))
        if pdf is None:
            failed += not reader.is_stopping
            continue
        await asyncio.to_thread(_write, folder / f"{names[of.invitation_id]}.pdf", pdf)
        await asyncio.to_thread(
            context.ledger.followups.add_report, of.invitation_id, str(key_of(of))
        )
        written += 1
    return Fetched(written=written, failed=failed)


async def _pdf(reader: Reader, api: JobMojito, result_id: str) -> bytes | None:
    report = await reader.read(partial(api.report, result_id), is_free=False, may_be_refused=True)
    if report is None or not is_safe_link(report.pdf_export_url):
        return None
    pdf = await reader.read(
        lambda token: api.fetched(report.pdf_export_url),  # noqa: ARG005 - ours does not go there
        may_be_refused=True,
    )
    return pdf if pdf is not None and pdf.startswith(_PDF) else None


def _write(path: Path, pdf: bytes) -> None:
    with written_whole(path) as scratch:
        scratch.write_bytes(pdf)


def names_of(
    mine: Iterable[Followed], every: Iterable[Followed], rows: Mapping[int, Any]
) -> dict[int, str]:
    """
    What the reports of *mine* are called: by external id, else by row; never by a person's name.

    With the invitation's number where the name alone is that of several; *rows* are the ledger's.
    """
    often = Counter(_safe(of.candidate_external_id).lower() for of in every)
    names: dict[int, str] = {}
    for of in mine:
        name = _safe(of.candidate_external_id)
        row = rows.get(of.invitation_id)
        if not name:
            number = row.row if row is not None else None
            name = f"row-{number}" if number is not None else "candidate"
        elif often[name.lower()] == 1:
            names[of.invitation_id] = name
            continue
        names[of.invitation_id] = f"{name}-{of.invitation_id}"
    return names


def _safe(text: str | None) -> str:
    return _UNSAFE.sub("_", text or "")[:_MOST_NAME].strip("._")
