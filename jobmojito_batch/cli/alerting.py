"""Alerts of a run that ends before it can tell of itself: nobody may be looking."""

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from jobmojito_batch.alerts import Alert, AlertKind, Severity
from jobmojito_batch.cli.attend import Person
from jobmojito_batch.cli.talk import say
from jobmojito_batch.errors import told
from jobmojito_batch.notify import notify
from jobmojito_batch.settings import AlertSettings, load_alert_settings


def tell_alerts(person: Person, settings: AlertSettings) -> None:
    """Send what nobody here has seen: a person who was asked has the screen."""
    if not person.confirms:
        _send([*person.alerts, *person.notes], settings)


@contextmanager
def failures_told(person: Person, inputs: Sequence[str]) -> Iterator[None]:
    """
    Alert of an error that nobody has told of: settings, Prefect or the unexpected.

    By the one setting that is needed for it, whatever is wrong with the others. The error goes on.
    """
    try:
        yield
    except Exception as exc:
        if not person.confirms and not person.alerts:
            tell_failure(told(exc), inputs, may_have_sent=person.has_begun)
        raise


def tell_failure(cause: str, inputs: Sequence[str], *, may_have_sent: bool = False) -> None:
    """Alert of a run that failed before it was one."""
    sent = "the next run settles what was under way" if may_have_sent else "nothing was sent"
    alert = Alert(
        kind=AlertKind.FAILED,
        severity=Severity.ERROR,
        sentence=f"the run failed: {cause}. So far {sent}; `jobmojito-batch doctor` looks at "
        "settings, token, API, ledger and Prefect",
        run_id=None,
        counts={"exit_code": 2},
        facts=(f"host: {platform.node()}", f"inputs: {', '.join(inputs)}"),
    )
    _send([alert], load_alert_settings())


def _send(alerts: Sequence[Alert], settings: AlertSettings) -> None:
    if not notify(alerts, settings):
        say(
            "warning       an alert could not be sent; `jobmojito-batch doctor` looks at "
            "JOBMOJITO_NOTIFY"
        )


def prefect_away(address: str) -> Alert:
    """The run went without Prefect, which did not answer at its start."""
    return Alert(
        kind=AlertKind.PREFECT_AWAY,
        severity=Severity.WARNING,
        sentence=f"the Prefect API {address} did not answer, so the run goes without it and is on "
        "no page there; start the server (`prefect server start`)",
        run_id=None,
        counts={},
    )
