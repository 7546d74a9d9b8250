"""
Alerts to mail, chat or a webhook, by whatever apprise knows. Never raises, never holds a run.

A channel that is broken costs a line in the log with the kind of the alert: no address of it, since
such addresses are passwords.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from jobmojito_batch.alerts import Alert, Severity
from jobmojito_batch.events import Event, warn
from jobmojito_batch.settings import AlertSettings

PATIENCE_SECONDS: Final = 20.0
"""How long all channels together are waited for: a hung mail server must not hold a night."""
TITLE: Final = "jobmojito-batch"

Clock = Callable[[], float]


def notify(
    alerts: Sequence[Alert],
    settings: AlertSettings,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    clock: Clock = time.monotonic,
) -> bool:
    """
    Send the alerts that somebody wants to hear, as one message, to each channel of the settings.

    Whether every channel took it; True where there is nothing to send. What a channel does not take
    in time is left to itself and logged as `notify.failed`.
    """
    wanted = [alert for alert in alerts if alert.kind in settings.alert_kinds]
    if settings.notify is None or not wanted:
        return True
    try:
        is_sent = _send(
            settings.notify.get_secret_value(),
            wanted,
            settings.environment,
            deadline=clock() + patience_seconds,
            clock=clock,
        )
    except Exception:  # noqa: BLE001 - the run is over, and its sentence was said elsewhere
        is_sent = False
    if not is_sent:
        warn(Event.NOTIFY_FAILED, kinds=[alert.kind.value for alert in wanted])
    return is_sent


def understood(settings: AlertSettings) -> list[bool]:
    """For each address of the settings, in order, whether it names a channel; sends nothing."""
    if settings.notify is None:
        return []
    return [channel is not None for channel in _channels(settings.notify.get_secret_value())]


def _send(
    urls: str, alerts: Sequence[Alert], environment: str, *, deadline: float, clock: Clock
) -> bool:
    """Each channel in a thread of its own, so that one that hangs does not keep the others."""
    message = {
        "title": title_of(alerts, environment),
        "body": body_of(alerts),
        "body_format": "text",  # else a mail's line breaks are lost on the way to its HTML part
        "notify_type": _type_of(alerts[0]),
    }
    channels = _channels(urls)
    done: list[bool] = []

    def send(channel: Any) -> None:  # noqa: ANN401 - an Apprise object or None
        try:
            done.append(channel is not None and bool(channel.notify(**message)))
        except Exception:  # noqa: BLE001 - a channel's own fault
            done.append(False)

    threads = [
        threading.Thread(target=send, args=(channel,), name="notify", daemon=True)
        for channel in channels
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - clock()))
    return len(done) == len(channels) and all(done)


def _channels(urls: str) -> list[Any]:
    """One Apprise object for each address; None for one that it does not understand."""
    import apprise  # noqa: PLC0415 - a tenth of a second that only those pay who have alerts
    from apprise.common import PersistentStoreMode  # noqa: PLC0415
    from apprise.utils.parse import parse_urls  # noqa: PLC0415

    # They log addresses, which are passwords, and what servers answer.
    for name in ("apprise", "urllib3", "requests_oauthlib"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    channels: list[Any] = []
    urls_of: Callable[[str], list[str]] = parse_urls
    for url in urls_of(urls):
        asset = apprise.AppriseAsset(
            app_id=TITLE,
            app_desc=TITLE,
            async_mode=False,
            storage_mode=PersistentStoreMode.MEMORY,
        )
        channel = apprise.Apprise(asset=asset)
        channels.append(channel if channel.add(url) else None)
    return channels or [None]


def title_of(alerts: Sequence[Alert], environment: str) -> str:
    """The subject: whose it is and what it is about."""
    kinds = ", ".join(dict.fromkeys(alert.kind.value for alert in alerts))
    return f"{TITLE} ({environment}): {kinds}"


def body_of(alerts: Sequence[Alert]) -> str:
    """The sentences, then what is known of the night, and the run that they are about."""
    lines = [f"{alert.kind.value}: {alert.sentence}" for alert in alerts]
    facts = dict.fromkeys(fact for alert in alerts for fact in alert.facts)
    runs = dict.fromkeys(alert.run_id for alert in alerts if alert.run_id is not None)
    return "\n".join([*lines, "", *facts, *(f"run: {run_id}" for run_id in runs)]).strip()


def _type_of(worst: Alert) -> str:
    return {
        Severity.ERROR: "failure",
        Severity.WARNING: "warning",
        Severity.INFO: "success",
    }[worst.severity]
