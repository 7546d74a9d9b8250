"""Lines of `doctor` about the token, the API and the balance."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from jobmojito_batch.client import TokenSource, expiry_of, replaced_by, replacement_due
from jobmojito_batch.errors import BatchError
from jobmojito_batch.pipeline import AccountView, view_account
from jobmojito_batch.settings import Settings
from jobmojito_batch.verdict import Silence

SOON: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that a run needs."""

    what: str
    state: str
    """ok, warning or fault."""
    says: str


def account_lines(settings: Settings) -> Iterator[Line]:
    """What can be said of the account."""
    tokens = TokenSource(settings)
    try:
        token = tokens.current()
    except BatchError as exc:
        yield Line(what="token", state="fault", says=str(exc))
        yield Line(what="API", state="warning", says="not asked: there is no token")
        return
    yield _token_line(token)
    yield from _api_lines(settings, view_account(settings, tokens))


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
