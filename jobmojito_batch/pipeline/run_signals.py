"""What machines are told of a run, beside its log: a file of metrics and a dead man's switch."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jobmojito_batch.client.ping import PATIENCE_SECONDS, ping
from jobmojito_batch.errors import BatchError
from jobmojito_batch.events import Event, warn
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.pipeline.metrics import EndedRun, MetricsFile, Unknowns
from jobmojito_batch.pipeline.run_result import RunResult
from jobmojito_batch.pipeline.series import series_label
from jobmojito_batch.settings import AlertSettings, Settings, load_alert_settings
from jobmojito_batch.summary import Summary

HURRIED_SECONDS: Final = 3.0
"""How long the switch is waited for by a run that was told to end: it will soon be killed."""


class RunSignals:
    """Of one run. Never raises: what is broken here costs a line, and the run is what it is."""

    def __init__(
        self,
        inputs: Sequence[str],
        *,
        environment: str | None,
        is_counted: bool,
        is_unattended: bool,
        warns: Callable[[str], None],
    ) -> None:
        self._series = series_label(inputs)
        self._environment = environment
        self._is_counted = is_counted
        self._is_unattended = is_unattended
        self._warns = warns

    def begins(self) -> None:
        """A run that nobody watches begins; a person sees whether one ends."""
        if self._is_counted and self._is_unattended:
            self.write(load_alert_settings(), lambda file: file.begins(datetime.now(UTC)))

    def telling(self, result: RunResult, settings: Settings | None) -> Callable[[], None]:
        """Tells that the run is over, *settings* None if it never had any."""
        return lambda: self.ends(
            result.exit_code,
            settings,
            summary=result.conclusion,
            is_held=result.is_held,
            has_begun=result.has_begun,
        )

    def ends(
        self,
        code: ExitCode,
        settings: Settings | None,
        *,
        summary: Summary | None = None,
        is_held: bool = False,
        has_begun: bool = False,
    ) -> None:
        """The same of a run whose end is known in parts."""
        if not self._is_counted:
            return
        told = settings or load_alert_settings()
        run = EndedRun(
            at=datetime.now(UTC),
            exit_code=code,
            is_held=is_held,
            has_begun=has_begun,
            summary=summary,
            unknowns=_unknowns(settings) if told.metrics and settings is not None else None,
        )
        self.write(told, lambda file: file.ends(run))
        if self._is_unattended and told.ping_url is not None:
            self._ping(told.ping_url.get_secret_value(), code)

    def _ping(self, url: str, code: ExitCode) -> None:
        try:
            ping(
                url,
                is_failure=code is not ExitCode.OK,
                patience_seconds=HURRIED_SECONDS if code.is_signal else PATIENCE_SECONDS,
            )
        except Exception as exc:  # noqa: BLE001 - see the class
            warn(Event.PING_FAILED, error=type(exc).__name__)
            self._warns(f"JOBMOJITO_PING_URL was not reached ({_why(exc)})")

    def write(self, settings: AlertSettings, change: Callable[[MetricsFile], None]) -> None:
        """Change the file of metrics, if there is one."""
        if settings.metrics is None:
            return
        environment = self._environment or settings.environment
        try:
            path = Path(settings.metrics).expanduser()
            change(MetricsFile(path, environment=environment, series=self._series))
        except Exception as exc:  # noqa: BLE001 - see the class
            warn(Event.METRICS_FAILED, error=type(exc).__name__)
            self._warns(f"the metrics were not written ({_why(exc)})")


def signal_unknowns(settings: Settings, warns: Callable[[str], None]) -> None:
    """Tell the file of metrics what is unknown now, after a look at it without a run."""
    signals = RunSignals(
        (), environment=settings.environment, is_counted=True, is_unattended=False, warns=warns
    )
    signals.write(settings, lambda file: file.knows(_unknowns(settings)))


def _unknowns(settings: Settings) -> Unknowns | None:
    """What is unknown in the ledger in this environment; None where it cannot say."""
    try:
        with Ledger.existing(settings.ledger_url) as ledger:
            if ledger is None:
                return Unknowns(count=0, oldest_seconds=0.0)
            since = ledger.doubts.unknown_since(settings.environment)
    except BatchError:
        return None
    now = datetime.now(UTC).replace(tzinfo=None)
    ages = [max(0.0, (now - moment).total_seconds()) for moment in since]
    return Unknowns(count=len(ages), oldest_seconds=round(max(ages, default=0.0), 1))


def _why(exc: Exception) -> str:
    """Why, as a person reads it: our own errors name the file, no other text is shown."""
    if isinstance(exc, OSError):
        return exc.strerror or type(exc).__name__
    return str(exc) if type(exc).__module__.startswith("jobmojito_batch.") else type(exc).__name__
