"""
What a monitoring system reads of runs: a file of OpenMetrics text, whole or not at all.

Series of a machine share a file: each replaces its own lines. Counts, moments and labels of ours:
no person, path or host (docs/metrics.md).
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.publish import written_whole
from jobmojito_batch.summary import Summary

PREFIX: Final = "jobmojito_batch_"
READABLE: Final = 0o644
"""Another user's exporter reads it; nobody's data is in it."""


class Kind(NamedTuple):
    """What the samples of one name are."""

    type: str
    help: str


KINDS: Final = {
    "runs": Kind("counter", "Runs that ended, by exit code."),
    "last_run_start_timestamp_seconds": Kind("gauge", "When the latest run began."),
    "last_run_end_timestamp_seconds": Kind("gauge", "When the latest run ended."),
    "last_success_timestamp_seconds": Kind("gauge", "When a run last needed nobody; 0 for never."),
    "last_run_exit_code": Kind("gauge", "How the latest run ended."),
    "last_run_held": Kind("gauge", "1 if the latest run was held before it sent anything."),
    "last_run_seconds": Kind("gauge", "How long the latest run took."),
    "last_run_rows": Kind("gauge", "Rows of the latest run, by outcome."),
    "last_run_calls": Kind("gauge", "Calls that the latest run made to invite somebody."),
    "last_run_retries": Kind("gauge", "Those of them that repeated one."),
    "last_run_lookups": Kind("gauge", "Calls of the latest run that looked somebody up."),
    "last_run_credits": Kind("gauge", "Credits of the latest run, estimated."),
    "last_run_positions_created": Kind("gauge", "Positions that the latest run opened."),
    "last_run_unreadable_files": Kind("gauge", "Files of the inbox that could not be read."),
    "last_run_files_not_taken": Kind("gauge", "What lies in the inbox and is no export."),
    "credits_left": Kind("gauge", "Credits of the account after the latest run, estimated."),
    "token_expires_timestamp_seconds": Kind("gauge", "When the API token expires."),
    "unknown_invitations": Kind("gauge", "Invitations in the ledger without a sure answer."),
    "unknown_age_seconds": Kind("gauge", "Age of the oldest of them when the run ended."),
}
"""Every name, without PREFIX; of a counter without its `_total`."""
OF_A_RUN: Final = tuple(name for name in KINDS if name.startswith("last_run_"))

Labels = frozenset[tuple[str, str]]
Samples = dict[tuple[str, Labels], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowns:
    """Invitations of an environment that are unknown."""

    count: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """What a file is told of a run that is over."""

    at: datetime
    exit_code: ExitCode
    is_held: bool = False
    has_begun: bool = False
    """Whether it may have sent something, though there is no summary."""
    summary: Summary | None = None
    unknowns: Unknowns | None = None
    """None where the ledger cannot say."""


class MetricsFile:
    """The file, for the runs of one series in one environment."""

    def __init__(self, path: Path, *, environment: str, series: str) -> None:
        self._path = path
        self._environment: Labels = frozenset({("environment", environment)})
        self._labels = self._environment | {("series", series)}

    def begins(self, at: datetime) -> None:
        """A run begins: one that never ends shows by it. Raises BatchError, OSError."""
        with self._changed() as samples:
            self._set(samples, last_run_start_timestamp_seconds=at.timestamp())
            samples.setdefault(("last_success_timestamp_seconds", self._labels), 0.0)

    def ends(self, run: EndedRun) -> None:
        """A run is over. Raises BatchError, OSError."""
        with self._changed() as samples:
            self._count(samples, run)
            self._replace_last_run(samples, run)
            self._set_unknowns(samples, run.unknowns)

    def knows(self, unknowns: Unknowns | None) -> None:
        """What is unknown changed without a run. Raises BatchError, OSError."""
        with self._changed() as samples:
            self._set_unknowns(samples, unknowns)

    def _count(self, samples: Samples, run: EndedRun) -> None:
        key = ("runs", self._labels | {("exit_code", str(run.exit_code.value))})
        samples[key] = samples.get(key, 0.0) + 1
        success = ("last_success_timestamp_seconds", self._labels)
        samples.setdefault(success, 0.0)
        if run.exit_code is ExitCode.OK:
            samples[success] = run.at.timestamp()

    def _replace_last_run(self, samples: Samples, run: EndedRun) -> None:
        began = self._begun(samples)
        for name, labels in list(samples):
            if name in OF_A_RUN and labels >= self._labels:
                del samples[name, labels]
        summary = run.summary
        if summary is not None:
            began = summary.started_at.timestamp()
        ended = run.at.timestamp()
        self._set(
            samples,
            last_run_start_timestamp_seconds=ended if began is None else began,
            last_run_end_timestamp_seconds=ended,
            last_run_exit_code=run.exit_code.value,
            last_run_held=float(run.is_held),
        )
        if summary is not None:
            self._set_summary(samples, summary)
        elif not run.has_begun:
            self._set(samples, last_run_calls=0, last_run_credits=0)

    def _begun(self, samples: Samples) -> float | None:
        """When the run began that ends now; None where nobody has said."""
        start = samples.get(("last_run_start_timestamp_seconds", self._labels))
        end = samples.get(("last_run_end_timestamp_seconds", self._labels))
        return start if start is not None and (end is None or start > end) else None

    def _set_summary(self, samples: Samples, summary: Summary) -> None:
        for outcome, count in summary.outcomes.items():
            samples["last_run_rows", self._labels | {("outcome", outcome.value)}] = count
        self._set(
            samples,
            last_run_seconds=summary.seconds,
            last_run_calls=summary.calls,
            last_run_retries=summary.retries,
            last_run_lookups=summary.lookups,
            last_run_credits=summary.credits_estimated,
            last_run_positions_created=summary.positions.created,
            last_run_unreadable_files=summary.unreadable_files,
            last_run_files_not_taken=len(summary.not_taken),
            credits_left=summary.credits_left,
        )
        replaced = summary.token_replaced_by
        samples.pop(("token_expires_timestamp_seconds", self._labels), None)
        if replaced is not None:
            self._set(samples, token_expires_timestamp_seconds=replaced.timestamp())

    def _set(self, samples: Samples, **values: float | None) -> None:
        for name, value in values.items():
            if value is not None:
                samples[name, self._labels] = value

    def _set_unknowns(self, samples: Samples, unknowns: Unknowns | None) -> None:
        if unknowns is not None:
            samples["unknown_invitations", self._environment] = unknowns.count
            samples["unknown_age_seconds", self._environment] = unknowns.oldest_seconds

    @contextmanager
    def _changed(self) -> Iterator[Samples]:
        """The samples of the file, to be changed; nobody else changes them meanwhile."""
        with _only_writer(self._path):
            samples = read_samples(self._path)
            yield samples
            with written_whole(self._path, READABLE) as temporary:
                temporary.write_bytes(text_of(samples))


@contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    """A lock on the folder, which stays: on the file itself it would go with its replacement."""
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise SettingsError(f"{path}: is no plain file; name one that may be replaced")
    try:
        import fcntl  # noqa: PLC0415 - Windows has none, and no node exporter
    except ImportError:
        yield
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def read_samples(path: Path) -> Samples:
    """What the file says; nothing where there is none, or somebody else has written it."""
    from prometheus_client.openmetrics import parser  # noqa: PLC0415 - only who has metrics pays

    families: Callable[[str], Iterator[Any]] = parser.text_string_to_metric_families
    samples: Samples = {}
    with suppress(FileNotFoundError, ValueError):
        for family in families(path.read_text("utf-8")):
            name = family.name.removeprefix(PREFIX)
            if name in KINDS:
                samples |= {
                    (name, frozenset(sample.labels.items())): sample.value
                    for sample in family.samples
                }
    return samples


def text_of(samples: Mapping[tuple[str, Labels], float]) -> bytes:
    """The samples as OpenMetrics text, in the order of KINDS, `# EOF` at the end."""
    from prometheus_client.openmetrics import exposition  # noqa: PLC0415 - as above

    generated: Callable[[object], bytes] = exposition.generate_latest
    return generated(_Families(samples))


class _Families:
    """Samples as prometheus_client takes them from a registry."""

    def __init__(self, samples: Mapping[tuple[str, Labels], float]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Any]:
        """The families, those without samples left out."""
        from prometheus_client.core import Metric  # noqa: PLC0415 - as above

        for name, kind in KINDS.items():
            family = Metric(PREFIX + name, kind.help, kind.type)
            suffix = "_total" if kind.type == "counter" else ""
            for (of, labels), value in self._samples.items():
                if of == name:
                    family.add_sample(PREFIX + name + suffix, dict(labels), value)
            if family.samples:
                yield family
