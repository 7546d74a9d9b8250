"""Alerts of a run that ends before it can tell of itself: nobody may be looking."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from jobmojito_batch.alerts import Alert, AlertKind, Severity
from jobmojito_batch.cli.console import is_interactive, say, say_warning
from jobmojito_batch.cli.observer import ConsoleObserver
from jobmojito_batch.errors import PrefectAwayError, told
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.notify import notify
from jobmojito_batch.pipeline import where
from jobmojito_batch.pipeline.run_signals import RunSignals
from jobmojito_batch.settings import AlertSettings, load_alert_settings
from jobmojito_batch.urls import shown


def tell_alerts(person: ConsoleObserver, settings: AlertSettings) -> None:
    """Send what nobody here has seen: a person who was asked has the screen."""
    if not person.confirms:
        _send([*person.alerts, *person.notes], settings)


@contextmanager
def failures_told(person: ConsoleObserver, inputs: Sequence[str]) -> Iterator[None]:
    """
    Alert of an end that nobody has told of: settings, Prefect, an interruption, the unexpected.

    By the one setting that is needed for it, whatever is wrong with the others. The error goes on.
    """
    try:
        yield
    except BaseException as exc:  # a panic of polars is no Exception
        is_watched = person.confirms and is_interactive()
        if not is_watched and not person.alerts:
            was_interrupted = isinstance(exc, KeyboardInterrupt)
            tell_failure(
                "it was interrupted" if was_interrupted else told(exc),
                inputs,
                may_have_sent=person.has_begun,
                code=ExitCode.INTERRUPTED if was_interrupted else ExitCode.USAGE,
            )
        raise


def tell_failure(
    cause: str,
    inputs: Sequence[str] = (),
    *,
    may_have_sent: bool = False,
    code: ExitCode = ExitCode.USAGE,
) -> None:
    """Tell people and machines of a run that failed before it was one. *cause* quotes nobody."""
    signals = RunSignals(
        inputs, environment=None, is_counted=True, is_unattended=True, warns=say_warning
    )
    signals.ends(code, None, has_begun=may_have_sent)
    sent = "the next run settles what was under way" if may_have_sent else "nothing was sent"
    alert = Alert(
        kind=AlertKind.FAILED,
        severity=Severity.ERROR,
        sentence=f"the run failed: {cause}. So far {sent}; `jobmojito-batch doctor` looks at "
        "settings, token, API, ledger and Prefect",
        run_id=None,
        counts={"exit_code": ExitCode.USAGE},
        facts=where(", ".join(map(shown, inputs))),
    )
    _send([alert], load_alert_settings())


def _send(alerts: Sequence[Alert], settings: AlertSettings) -> None:
    if not notify(alerts, settings):
        say(
            "warning       an alert could not be sent; `jobmojito-batch doctor` looks at "
            "JOBMOJITO_NOTIFY"
        )


def prefect_away(error: PrefectAwayError, inputs: Sequence[str]) -> Alert:
    """The run goes without Prefect, which took none at its start."""
    return Alert(
        kind=AlertKind.PREFECT_AWAY,
        severity=Severity.WARNING,
        sentence=f"{error.why}, so the run goes without it and is on no page there; start the "
        "server (`prefect server start`), and see what `jobmojito-batch doctor` says of it",
        run_id=None,
        counts={},
        facts=where(", ".join(map(shown, inputs))),
    )
