"""What `setup` does: everything the night needs in Prefect, made once and kept in step."""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from apprise import Apprise
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import (
    AutomationCore,
    EventTrigger,
    Posture,
)
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type
from pydantic import SecretStr

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.flows.alert_publisher import EVENT_PREFIX
from jobmojito_batch.flows.flow_settings import BLOCK, store_token, stored_token
from jobmojito_batch.flows.invite_candidates import invite_candidates
from jobmojito_batch.flows.run_reporter import TAG
from jobmojito_batch.flows.send_shard import send_shard
from jobmojito_batch.flows.states import STATE_NAMES

POOL_TYPE: Final = "process"
ALERT_BLOCK: Final = "jobmojito-alerts"
SHORTEST_HEARTBEAT_SECONDS: Final = 30
"""Prefect sends none more often."""
MISSED_HEARTBEATS: Final = 3
"""One or two may be lost on the way: a shorter window would mark healthy runs Crashed."""

T = TypeVar("T")

SILENT: Final = "jobmojito-batch: a silent run has crashed"
ALERT: Final = "jobmojito-batch: alerts"
NOT_RUN: Final = "jobmojito-batch: a run crashed, was cancelled or is late"

ENDED: Final = ("Completed", "Failed", "Cancelled", "Crashed", *STATE_NAMES.values())
"""The names of the states that a run ends in; events are called after the name, not the type."""

OF_OUR_FLOWS: Final = ResourceSpecification(
    {
        "prefect.resource.role": "flow",
        # A shard that was killed is as silent as its parent would be.
        "prefect.resource.name": [invite_candidates.name, send_shard.name],
    }
)
OF_THE_FLOW: Final = ResourceSpecification(
    {"prefect.resource.role": "flow", "prefect.resource.name": invite_candidates.name}
)
FLOW_RUNS: Final = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})

# Which night it is, its deployment says; a run that never began is called after an animal. Prefect
# looks objects up where an event is related to them, so each may be missing, and a page has no
# address where the server does not know its own (PREFECT_API_URL or PREFECT_UI_URL).
NIGHT: Final = (
    "jobmojito-batch{% if deployment %} {{ deployment.name }}{% elif flow %} {{ flow.name }}"
    "{% endif %}"
)
LINK: Final = (
    "{% if flow_run %}run: {{ flow_run.name }}"
    "{% if flow_run|ui_url %}, {{ flow_run|ui_url }}{% endif %}{% endif %}"
)
NEXT: Final = (
    "{% if flow_run.state.name == 'Late' %}Nobody has started it: is "
    "{% if deployment.work_pool_name %}a worker running (`prefect worker start --pool "
    "{{ deployment.work_pool_name }}`){% else %}`jobmojito-batch serve` running{% endif %}? "
    "`jobmojito-batch doctor` looks."
    "{% else %}What was sent is in the ledger and nobody is invited twice; the next run sends what "
    "this one left{% if deployment and flow %}, or now: `prefect deployment run "
    "'{{ flow.name }}/{{ deployment.name }}'`{% endif %}.{% endif %}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to set up."""

    pool: str
    token: SecretStr | None = None
    notify: SecretStr | None = None
    """A web address that takes JSON, or an apprise URL such as mailtos://…"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that there is now."""

    what: str
    did: str
    """created, already there, updated or left out."""
    says: str = ""


CREATED, THERE, UPDATED, LEFT_OUT = "created", "already there", "updated", "left out"


def heartbeat_seconds() -> int:
    """How often a run says that it lives, by the settings here."""
    return max(SHORTEST_HEARTBEAT_SECONDS, get_current_settings().flows.heartbeat_frequency or 0)


async def heartbeat_warning() -> str | None:
    """Where the automation would take a healthy run that is started here for a silent one."""
    least = timedelta(seconds=MISSED_HEARTBEATS * heartbeat_seconds())
    async with get_client() as client:
        for automation in await client.read_automations_by_name(SILENT):
            trigger = automation.trigger
            if automation.enabled and isinstance(trigger, EventTrigger) and trigger.within < least:
                return (
                    f"runs say only every {heartbeat_seconds()} s that they live, and Prefect "
                    f"calls them Crashed after {trigger.within.total_seconds():.0f} s: give "
                    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY here as `setup` had it, or run `setup` here"
                )
    return None


async def set_up(wanted: Wanted, tell: Callable[[Item], None]) -> None:
    """Make what is missing and correct what differs; told item by item. Raises SettingsError."""
    if wanted.notify is not None:
        block_for(wanted.notify)  # an address that nobody understands ends here
    async with get_client() as client:
        tell(await _guarded("the work pool", _pool(client, wanted.pool)))
        tell(await _guarded("the token block", _token(wanted.token)))
        tell(await _guarded("an automation", _automation(client, silent_runs(heartbeat_seconds()))))
        item, block_id = await _guarded("the alert block", _alert_block(client, wanted.notify))
        tell(item)
        if block_id is not None:
            for automation in (alerts(block_id), not_run(block_id)):
                tell(await _guarded("an automation", _automation(client, automation)))


async def _guarded(what: str, step: Coroutine[Any, Any, T]) -> T:
    try:
        return await step
    except SettingsError:
        raise
    except Exception as exc:  # noqa: BLE001 - told in one line, whatever it is
        # Prefect's text may quote what was sent to it, a token among it: the type has to do.
        raise SettingsError(
            f"{what} cannot be set up ({type(exc).__name__}); is the Prefect server of the same "
            "version as this program, and may you change it?"
        ) from None


async def _pool(client: PrefectClient, name: str) -> Item:
    says = f"prefect worker start --pool {name}"
    try:
        existing = await client.read_work_pool(name)
    except ObjectNotFound:
        template = await get_default_base_job_template_for_infrastructure_type(POOL_TYPE)
        pool = WorkPoolCreate(name=name, type=POOL_TYPE, base_job_template=template or {})
        await client.create_work_pool(pool)
        return Item(what=f"work pool {name}", did=CREATED, says=says)
    if existing.type != POOL_TYPE:
        says = f"of the type {existing.type}, not {POOL_TYPE}; nothing was changed"
    return Item(what=f"work pool {name}", did=THERE, says=says)


async def _token(token: SecretStr | None) -> Item:
    what = f"secret block {BLOCK}"
    before = await stored_token()
    if token is None:
        says = "kept" if before is not None else "runs take the token from their environment"
        return Item(what=what, did=THERE if before is not None else LEFT_OUT, says=says)
    if before == token:
        return Item(what=what, did=THERE)
    await store_token(token)
    return Item(what=what, did=CREATED if before is None else UPDATED)


async def _automation(client: PrefectClient, wanted: AutomationCore) -> Item:
    what = f'automation "{wanted.name}"'
    existing = await client.read_automations_by_name(wanted.name)
    if not existing:
        await client.create_automation(wanted)
        return Item(what=what, did=CREATED, says=wanted.description)
    if _same(existing[0], wanted):
        return Item(what=what, did=THERE, says=wanted.description)
    kept = wanted.model_copy(update={"enabled": existing[0].enabled})
    await client.update_automation(existing[0].id, kept)
    return Item(what=what, did=UPDATED, says=wanted.description)


def _same(existing: Any, wanted: AutomationCore) -> bool:  # noqa: ANN401 - what the server has
    """Whether it does the same; one that somebody switched off stays so and is no difference."""
    fields = {"name", "description", "tags", "trigger", "actions"}
    current = AutomationCore.model_validate(existing.model_dump())
    return _plain(current, fields) == _plain(wanted, fields)


def _plain(automation: AutomationCore, fields: set[str]) -> object:
    return _sorted(automation.model_dump(mode="json", include=fields))


def _sorted(value: object) -> object:
    """Sets come as lists in any order."""
    if isinstance(value, dict):
        return {key: _sorted(item) for key, item in value.items() if key != "id"}
    if isinstance(value, list):
        return sorted((_sorted(item) for item in value), key=repr)
    return value


async def _alert_block(client: PrefectClient, notify: SecretStr | None) -> tuple[Item, UUID | None]:
    what = f"notification block {ALERT_BLOCK}"
    before = await _stored_alert_block(client)
    if notify is None:
        if before is None:
            says = "say --notify URL to hear of alerts; the events are in Prefect in any case"
            return Item(what=what, did=LEFT_OUT, says=says), None
        return Item(what=what, did=THERE, says="kept"), before[0]
    block = block_for(notify)
    if (
        before is not None
        and type(before[1]) is type(block)
        and _secrets(before[1]) == _secrets(block)
    ):
        return Item(what=what, did=THERE), before[0]
    block_id = await block.asave(ALERT_BLOCK, overwrite=True)
    if before is not None and before[0] != block_id:  # of the other kind: two would be one too many
        await client.delete_block_document(before[0])
    return Item(what=what, did=CREATED if before is None else UPDATED), block_id


async def _stored_alert_block(client: PrefectClient) -> tuple[UUID, NotificationBlock] | None:
    for kind in (CustomWebhookNotificationBlock, SlackWebhook):
        try:
            block: Any = await kind.aload(ALERT_BLOCK, client=client)
        except (ObjectNotFound, ValueError):
            continue
        return block._block_document_id, block  # noqa: SLF001 - Prefect's blocks say it nowhere else
    return None


def _secrets(block: NotificationBlock) -> object:
    if isinstance(block, CustomWebhookNotificationBlock):
        return block.secrets.get_secret_value(), block.json_data
    assert isinstance(block, SlackWebhook)  # noqa: S101 - the other of the two that are made
    return block.url.get_secret_value()


def block_for(notify: SecretStr) -> NotificationBlock:
    """The block that notifies there. Raises SettingsError; the address is never shown."""
    url = notify.get_secret_value()
    scheme = url.partition("://")[0].lower()
    if scheme in {"http", "https"}:
        return CustomWebhookNotificationBlock(
            name=ALERT_BLOCK,
            url="{{address}}",  # a block shows its url to everybody, its secrets to nobody
            json_data={"text": "{{subject}}\n{{body}}"},
            secrets={"address": url},
        )
    if not _is_understood(url):
        raise SettingsError(
            "--notify: neither a web address (https://…, which gets JSON with a `text`, as Slack "
            "and Mattermost take it) nor an apprise URL (mailtos://user:password@host?to=…)"
        )
    # Prefect has no block that is called after apprise; this one takes any apprise URL.
    return SlackWebhook(url=notify)


def _is_understood(url: str) -> bool:
    """Whether apprise knows what to do with it; apprise itself would log the address."""
    log = logging.getLogger("apprise")
    before, log.disabled = log.disabled, True
    try:
        return bool(Apprise().add(url))
    finally:
        log.disabled = before


def silent_runs(heartbeat: int) -> AutomationCore:
    """Marks a run Crashed whose process is gone without a word: killed, or the machine with it."""
    within = MISSED_HEARTBEATS * heartbeat
    return AutomationCore(
        name=SILENT,
        description=f"a run without a heartbeat for {within} s becomes Crashed (heartbeat: "
        f"{heartbeat} s, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, the same wherever runs are started)",
        tags=[TAG],
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={
                "prefect.flow-run.heartbeat",
                *(f"prefect.flow-run.{name}" for name in ENDED),
            },
            match=FLOW_RUNS,
            match_related=OF_OUR_FLOWS,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=within),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"no sign of life for {within} s; the next run carries on from the ledger",
            )
        ],
    )


def alerts(block_id: UUID) -> AutomationCore:
    """Passes our own events on."""
    return AutomationCore(
        name=ALERT,
        description=f"sends each event {EVENT_PREFIX}* to the block {ALERT_BLOCK}",
        tags=[TAG],
        trigger=EventTrigger(expect={f"{EVENT_PREFIX}*"}, posture=Posture.Reactive, threshold=1),
        actions=[
            SendNotification(
                block_document_id=block_id,
                subject=f"{NIGHT}: {{{{ event.payload.kind }}}}",
                body="{{ event.payload.sentence }}\n{{ event.payload.facts }}\n" + LINK,
            )
        ],
    )


def not_run(block_id: UUID) -> AutomationCore:
    """Tells of runs that could not tell of themselves."""
    return AutomationCore(
        name=NOT_RUN,
        description="sends runs that crashed, were cancelled (the one before still ran) or did "
        f"not start in time to the block {ALERT_BLOCK}",
        tags=[TAG],
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{name}" for name in ("Crashed", "Cancelled", "Late")},
            match=FLOW_RUNS,
            match_related=OF_THE_FLOW,
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            SendNotification(
                block_document_id=block_id,
                subject=f"{NIGHT} is {{{{ flow_run.state.name }}}}",
                body=f"{{{{ flow_run.state.message or '' }}}}\n{NEXT}\n{LINK}",
            )
        ],
    )
