"""What was taken, planned: without the files of an inbox that turn out to be of no use."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

import uuid_utils

from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.events import Event, warn
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline.left_out import AsideFile
from jobmojito_batch.pipeline.nightly.idle import conclude_idle
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs, TakenFile, reading
from jobmojito_batch.pipeline.nightly.unusable import (
    is_as_taken,
    none_readable,
    put_into_failed,
    sorted_out,
)
from jobmojito_batch.pipeline.nightly.volume_guard import SeriesComparison, compare, hold_if_unsure
from jobmojito_batch.pipeline.planned import Planned, ReadyToSend
from jobmojito_batch.pipeline.prepare import plan_run, prepare
from jobmojito_batch.pipeline.run_log import log_plan
from jobmojito_batch.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRun:
    """A plan, what it was made of, and the earlier nights of its series."""

    taken: SelectedInputs
    """What was taken but the files that could not be used. Whoever took it closes it."""
    planned: Planned
    comparison: SeriesComparison

    @property
    def warnings(self) -> list[str]:
        """What the inputs as a whole and the earlier nights give to think of."""
        unreadable = [f"cannot be read: {file.text}" for file in self.taken.unreadable]
        return [*unreadable, *self.comparison.warnings]

    def hold_if_unsure(self, *, is_attended: bool) -> None:
        """
        Raises DoubtError or VolumeError if the plan rests on a guess that nobody has seen.

        *is_attended*: a person confirms the run, with the doubts above the question.
        """
        hold_if_unsure(self.planned, self.comparison, is_attended=is_attended)

    def close(self) -> None:
        """Remove the prepared rows."""
        self.planned.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRun(PreparedRun):
    """A plan that may be sent."""

    ready: ReadyToSend

    def close(self) -> None:
        """Remove the prepared rows and let go of the ledger."""
        self.ready.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleRun:
    """A run whose inbox holds nothing to do."""

    taken: SelectedInputs

    def conclusion(self, now: datetime | None = None) -> Summary:
        """Its end."""
        return conclude_idle(self.taken, str(uuid_utils.uuid7()), now=now or datetime.now(UTC))


R = TypeVar("R", bound=PreparedRun)


def prepare_taken(
    taken: SelectedInputs, *, now: datetime | None = None, is_attended: bool = False
) -> ReadyRun | IdleRun:
    """
    Plan what was taken, to be sent.

    A file of an inbox that cannot be read goes to failed/ with the reason, and so does one that
    leaves a doubt if nobody can be asked (*is_attended*); one without rows goes to done/, and
    the others are prepared without it. Raises what `prepare` raises, and InputError if no file
    of the inbox can be read.
    """

    def attempt(usable: SelectedInputs) -> ReadyRun:
        ready = prepare(usable.request, now=now)
        try:
            comparison = compare(usable, ready.planned, ready.ledger)
        except BaseException:
            ready.close()
            raise
        return ReadyRun(taken=usable, planned=ready.planned, comparison=comparison, ready=ready)

    return _without_unusable(taken, attempt, now=now, is_attended=is_attended)


def check_taken(taken: SelectedInputs) -> PreparedRun | IdleRun:
    """Plan what was taken, to be looked at by a person; nothing is moved or made."""

    def attempt(usable: SelectedInputs) -> PreparedRun:
        with Ledger.existing(usable.settings.ledger_url) as ledger:
            planned = plan_run(usable.request, ledger)
            try:
                comparison = compare(usable, planned, ledger)
            except BaseException:
                planned.close()
                raise
        return PreparedRun(taken=usable, planned=planned, comparison=comparison)

    return _without_unusable(taken, attempt, now=None, is_attended=True)


def _without_unusable(
    taken: SelectedInputs,
    attempt: Callable[[SelectedInputs], R],
    *,
    now: datetime | None,
    is_attended: bool,
) -> R | IdleRun:
    """*attempt* on what was taken, again without the files of an inbox that cannot be used."""
    inbox = taken.inbox
    if inbox is None:
        run = attempt(taken)
        log_plan(run.planned)
        return run
    while taken.files:
        try:
            run = attempt(taken)
        except (InputError, SettingsError) as exc:
            readable = sorted_out(taken, inbox, now or datetime.now(UTC))
            if readable.files == taken.files:
                raise  # each of them can be read alone: it is something else
            warn(Event.INBOX_UNREADABLE, files=len(readable.unreadable))
            taken = readable
            if taken.unreadable and not taken.files:
                raise none_readable(taken) from exc
        else:
            as_taken = [file for file in taken.files if is_as_taken(file)]
            held = {} if is_attended else _held_files(run)
            if len(as_taken) == len(taken.files) and not held:
                log_plan(run.planned)
                return run
            run.close()
            changed = [file for file in taken.files if file not in as_taken]
            taken = replace(
                taken,
                files=tuple(as_taken),
                left_aside=(
                    *taken.left_aside,
                    *(AsideFile(name=file.name, reason="changed while read") for file in changed),
                ),
                parameters=reading(taken.parameters, as_taken),
                waiting=taken.waiting + len(taken.files) - len(as_taken),
            )
            taken = put_into_failed(taken, {file: held[file] for file in held if file in as_taken})
            if held and not taken.files:
                raise none_readable(taken)
    return IdleRun(taken=taken)


def _held_files(run: PreparedRun) -> dict[TakenFile, str]:
    """The files of an inbox that leave a doubt nobody can be asked about, each with its reasons."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for doubt in run.planned.doubts:
        if doubt.holds:
            reasons[doubt.source].append(doubt.text)
    return {
        file: "\n".join(reasons[source])
        for file, source in zip(run.taken.files, run.planned.sources, strict=True)
        if source in reasons
    }
