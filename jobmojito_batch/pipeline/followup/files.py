"""The file of a look: the results' rows and columns, with what became of each after its link."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import FOLLOWUP_COLUMNS, Outcome, Stage
from jobmojito_batch.errors import LedgerError
from jobmojito_batch.ledger import Followed
from jobmojito_batch.pipeline.report import columns_beside, laid_out_beside
from jobmojito_batch.pipeline.selected import IS_FIRST, Selected
from jobmojito_batch.pipeline.source_layout import Layout
from jobmojito_batch.publish import write_results
from jobmojito_batch.stages import Case, what_to_do

_WITHOUT: Final = {
    Outcome.INVALID: "correct the row, then invite",
    Outcome.FAILED: "invite again: nothing was created",
    Outcome.NOT_SENT: "invite: nothing was sent for this row",
    Outcome.DUPLICATE: "nothing: an earlier row has this invitation",
}
"""Of rows without an invitation of their own."""
_SCHEMA: Final = {
    "invitation_id": pl.Int64(),
    "stage": pl.String(),
    "decision": pl.String(),
    "score": pl.String(),
    "interview_result_id": pl.String(),
    "stage_since": pl.Datetime("us"),
    "link_made_at": pl.Datetime("us"),
    "checked_at": pl.Datetime("us"),
    "what_to_do": pl.String(),
    "has_changed": pl.Boolean(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is said of invitations beside what the ledger has of them."""

    now: datetime
    chase_days: float
    renew_days: float
    not_looked_at: Mapping[int, str] = field(default_factory=dict)
    """Whom the look did not reach, and why not: the end of a sentence."""
    changed: Collection[int] = ()

    def case_of(self, of: Followed) -> Case:
        """What is known when somebody asks what to do."""
        last = of.last
        return Case(
            stage=last.stage if last is not None else Stage.UNCLEAR,
            decision=last.decision if last is not None else None,
            has_link=bool(of.interview_url),
            link_days=self._days(last.link_made_at if last is not None else None),
            since_days=self._days(last.stage_since if last is not None else None),
            why=(last.why if last is not None else None) or "",
            has_odd_decision=last is not None and last.has_odd_decision,
        )

    def what_to_do(self, of: Followed) -> str:
        """One sentence."""
        if of.invitation_id in self.not_looked_at:
            return f"not looked at: {self.not_looked_at[of.invitation_id]}"
        said = what_to_do(self.case_of(of), chase_days=self.chase_days, renew_days=self.renew_days)
        if of.replaced_at is not None and said.startswith(("remind", "ask", "nothing yet")):
            return (
                f"{said}; the link is fresh, that of before {of.replaced_at:%Y-%m-%d} is replaced"
            )
        return said

    def _days(self, moment: datetime | None) -> float | None:
        return None if moment is None else (self.now - moment).total_seconds() / 86_400


def write_followup(
    selected: Selected,
    mine: Mapping[int, Followed],
    shown: Shown,
    *,
    stages: Collection[str],
    only_changed: bool,
) -> int:
    """
    Write the file; how many rows are in it.

    Raises LedgerError where the stages do not add up to the invitations, and what `write_results`
    raises.
    """
    counts = {"first": 0, "written": 0}
    values = _values([mine[of] for of in sorted(selected.wanted)], shown)

    def frames() -> Iterator[pl.DataFrame]:
        columns = columns_beside(selected.layouts, FOLLOWUP_COLUMNS)
        for rows in selected.frames():
            frame = _with_stages(rows, values, selected.layouts)
            counts["first"] += int(frame["stage"].is_not_null().sum())
            kept = _kept(frame, stages, only_changed=only_changed)
            counts["written"] += kept.height
            yield kept.select(columns)
        if counts["first"] != len(selected.wanted):
            raise LedgerError(
                f"{len(selected.wanted)} invitations were looked up and {counts['first']} have a "
                "stage; nothing is published. Please report this"
            )

    write_results(selected.target, frames(), columns_beside(selected.layouts, FOLLOWUP_COLUMNS))
    return counts["written"]


def credits_target(target: Path) -> Path:
    """Beside a look's file: what the invitations cost."""
    stem = target.stem.removesuffix(".followup")
    return target.with_name(f"{stem}.credits{target.suffix}")


def _values(mine: Sequence[Followed], shown: Shown) -> pl.DataFrame:
    rows = []
    for of in mine:
        last = of.last
        rows.append(
            (
                of.invitation_id,
                (last.stage if last is not None else Stage.UNCLEAR).value,
                last.decision.value if last is not None and last.decision is not None else None,
                _number(last.score) if last is not None else None,
                last.interview_result_id if last is not None else None,
                last.stage_since if last is not None else None,
                last.link_made_at if last is not None else None,
                last.checked_at if last is not None else None,
                shown.what_to_do(of),
                of.invitation_id in shown.changed,
            )
        )
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").with_columns(
        pl.col(pl.Datetime).dt.replace_time_zone("UTC")
    )


def _with_stages(
    rows: pl.DataFrame, values: pl.DataFrame, layouts: Sequence[Layout]
) -> pl.DataFrame:
    laid_out = laid_out_beside(rows, layouts, FOLLOWUP_COLUMNS)
    mine = rows.select(
        pl.when(IS_FIRST).then("invitation_id").alias("invitation_id"), "outcome"
    ).join(values, on="invitation_id", how="left", maintain_order="left")
    named = [pl.lit(None, pl.String)]
    for outcome, text in _WITHOUT.items():
        named.append(pl.when(pl.col("outcome") == outcome.value).then(pl.lit(text)))
    told = pl.coalesce("what_to_do", *named).alias("what_to_do")
    beside = mine.with_columns(told).select(*FOLLOWUP_COLUMNS, "has_changed")
    return laid_out.hstack(beside)


def _kept(frame: pl.DataFrame, stages: Collection[str], *, only_changed: bool) -> pl.DataFrame:
    if stages:
        frame = frame.filter(pl.col("stage").is_in(list(stages)))
    return frame.filter(pl.col("has_changed").fill_null(value=False)) if only_changed else frame


def _number(score: float | None) -> str | None:
    """As it was said: whole numbers without a point."""
    if score is None:
        return None
    return str(int(score)) if score == int(score) else repr(score)
