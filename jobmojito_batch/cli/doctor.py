"""`doctor`: what a run needs, one line each, and what to do about what is missing."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from jobmojito_batch.cli import prefect_runner
from jobmojito_batch.cli.console import out, print_json
from jobmojito_batch.cli.next_steps import command
from jobmojito_batch.client import TokenSource, expiry_of, replaced_by, replacement_due
from jobmojito_batch.env_files import Origin, own_path
from jobmojito_batch.errors import BatchError, PrefectAwayError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.notify import understood
from jobmojito_batch.pipeline import AccountView, view_account
from jobmojito_batch.pipeline.letters import try_mail_server
from jobmojito_batch.settings import Settings, Sources, settings_sources
from jobmojito_batch.verdict import Silence

SOON: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that a run needs."""

    what: str
    state: str
    """ok, warning or fault."""
    says: str


def examine(settings: Settings) -> list[Line]:
    """Every line, the faults too; raises nothing for what it finds."""
    lines: list[Line] = list(_settings_lines(settings_sources()))
    tokens = TokenSource(settings)
    token: str | None = None
    try:
        token = tokens.current()
        lines.append(_token_line(token))
    except BatchError as exc:
        lines.append(Line(what="token", state="fault", says=str(exc)))
    if token is not None:
        lines += _api_lines(settings, view_account(settings, tokens))
    else:
        lines.append(Line(what="API", state="warning", says="not asked: there is no token"))
    lines.append(_ledger_line(settings))
    lines += _prefect_lines()
    lines += _alerts_lines(settings)
    lines += _mail_lines(settings)
    return lines


def show_doctor(settings: Settings, *, as_json: bool) -> int:
    """Print the lines; 1 where something is at fault."""
    lines = examine(settings)
    if as_json:
        print_json(
            {"schema_version": 1, "checks": [
                {"check": line.what, "state": line.state, "message": line.says} for line in lines
            ]}
        )  # fmt: skip
    else:
        for line in lines:
            out().print(f"{line.state:<8} {line.what:<8} {line.says}", markup=False)
    has_faults = any(line.state == "fault" for line in lines)
    return ExitCode.NEEDS_REPAIR if has_faults else ExitCode.OK


def _settings_lines(sources: Sources) -> Iterator[Line]:
    """Where settings come from: variables by name, never a value; and what is not taken."""
    if sources.environment:
        yield _settings_line("the environment", sources.environment)
    for file in sources.files:
        names = [name for name, source in sources.taken.items() if source is file]
        if file.distrust is None:
            yield _settings_line(f"{file.path} ({file.origin})", names)
        if file.notice is not None:
            yield Line(what="settings", state="warning", says=file.notice)
        if file.origin is not Origin.HERE and file.laxity is not None:
            says = f"{file.path}: {file.laxity}, and it may hold a token; chmod 600 it"
            yield Line(what="settings", state="warning", says=says)
    if own_path() not in {file.path for file in sources.files}:
        yield Line(what="settings", state="ok", says=f"{own_path()} is not there; it takes them")


def _settings_line(place: str, names: Sequence[str]) -> Line:
    return Line(what="settings", state="ok", says=f"{place}: {', '.join(names) or 'nothing taken'}")


def _token_line(token: str) -> Line:
    expires = expiry_of(token)
    if expires is None:
        return Line(what="token", state="ok", says="present; it does not say when it expires")
    when = expires.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    now = datetime.now(UTC)
    if expires <= now:
        return Line(what="token", state="fault", says=f"expired at {when}; get a fresh one")
    if expires - now < SOON:
        return Line(
            what="token",
            state="warning",
            says=f"expires at {when}; for a longer run give JOBMOJITO_API_TOKEN_FILE or _COMMAND",
        )
    due = replacement_due(replaced_by(token), now)
    if due is not None:
        return Line(what="token", state="warning", says=due)
    return Line(what="token", state="ok", says=f"present, until {when}")


def _api_lines(settings: Settings, view: AccountView) -> Iterator[Line]:
    status = view.answer.http_status
    if view.answer.silence is Silence.NOT_DELIVERED:
        says = f"no connection to {settings.base_url}; check the network, a proxy and the base URL"
        yield Line(what="API", state="fault", says=says)
    elif view.answer.silence is not None:
        says = f"{settings.base_url} does not answer in time; try again later"
        yield Line(what="API", state="fault", says=says)
    elif status == 401:  # noqa: PLR2004
        yield Line(what="API", state="fault", says="refuses the token; get a fresh one")
    elif status != 200:  # noqa: PLR2004
        says = f"HTTP {status} from merchant-status; check the base URL and what the token may do"
        yield Line(what="API", state="fault", says=says)
    else:
        merchant = f", merchant {view.merchant}" if view.merchant else ""
        yield Line(what="API", state="ok", says=f"{settings.base_url} answers{merchant}")
        yield _balance_line(view)


def _balance_line(view: AccountView) -> Line:
    if view.credits_left is None:
        return Line(what="balance", state="warning", says="the API does not tell it")
    invitations = (
        f", {view.invitations_left} invitations" if view.invitations_left is not None else ""
    )
    if view.credits_left <= 0:
        return Line(what="balance", state="fault", says="no credits are left; buy some")
    return Line(what="balance", state="ok", says=f"{view.credits_left:g} credits{invitations}")


def _ledger_line(settings: Settings) -> Line:
    try:
        ledger = Ledger.open(settings.ledger_url)
        try:
            ledger.runs.settle_orphans()
            unknown = sum(not doubt.is_held for doubt in ledger.doubts.all())
        finally:
            ledger.close()
    except BatchError as exc:
        return Line(what="ledger", state="fault", says=str(exc))
    if unknown:
        what = "1 invitation is" if unknown == 1 else f"{unknown} invitations are"
        says = f"writable; {what} unknown: `{command('reconcile')}`"
        return Line(what="ledger", state="warning", says=says)
    return Line(what="ledger", state="ok", says="writable")


def _alerts_lines(settings: Settings) -> Iterator[Line]:
    """Only where somebody wants alerts; an address is a password, so it is named by its place."""
    channels = understood(settings)
    if not channels:
        return
    odd = [f"{place}" for place, is_one in enumerate(channels, start=1) if not is_one]
    if odd:
        says = (
            f"address {', '.join(odd)} of {len(channels)} in JOBMOJITO_NOTIFY is not understood; "
            "write it as apprise does, such as mailtos://user:password@host?to=somebody@host"
        )
        yield Line(what="alerts", state="fault", says=says)
        return
    says = f"{len(channels)} channel{'s' if len(channels) > 1 else ''}; nothing was sent to try"
    yield Line(what="alerts", state="ok", says=says)


def _mail_lines(settings: Settings) -> Iterator[Line]:
    """Only where letters would be posted; the address is a secret, so nothing of it is shown."""
    if settings.smtp_url is None:
        return
    try:
        sender = asyncio.run(try_mail_server(settings))
    except BatchError as exc:
        yield Line(what="mail", state="fault", says=str(exc))
        return
    says = f"the mail server lets us in; letters are from {sender.address}. None was sent to try"
    yield Line(what="mail", state="ok", says=says)


def _prefect_lines() -> Iterator[Line]:
    """Whether the API answers, and whether what is scheduled there will start."""
    try:
        is_configured = prefect_runner.is_configured()
    except PrefectAwayError as exc:
        yield Line(what="Prefect", state="fault", says=f"not looked at: {exc.why}")
        return
    if not is_configured:
        yield Line(what="Prefect", state="ok", says="not configured; runs go without it")
        return
    address = prefect_runner.address()
    if not prefect_runner.is_reachable():
        yield Line(
            what="Prefect",
            state="fault",
            says=f"{address} does not answer; start it (`prefect server start`) or say "
            "--no-prefect",
        )
        return
    yield Line(what="Prefect", state="ok", says=f"{address} answers")
    for standing in prefect_runner.standings():
        yield Line(what=standing.what, state=standing.state, says=standing.says)
