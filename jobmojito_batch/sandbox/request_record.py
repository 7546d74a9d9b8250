"""One request and what is known about it: the record that gate, faults, endpoints and log share."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from starlette.requests import Request

from jobmojito_batch.contract import CREATE_PATH
from jobmojito_batch.sandbox.log import Entry, Event

_TEXT_LIMIT: Final = 400
"""A log line holds names, not documents."""


class Endpoint(StrEnum):
    """What the sandbox serves, by its name in the path."""

    CREATE = CREATE_PATH
    STATUS = "merchant-status"
    RESULTS = "merchant-result-list"
    CANDIDATES = "merchant-candidate-list"
    TOKEN = "job-interview-token"  # noqa: S105 - a path
    LANGUAGES = "platform-languages-list"
    REPORT = "job-interview-pdf"
    CREDITS = "merchant-analytics-credits-used"

    @property
    def method(self) -> str:
        """The one method it takes."""
        return "POST" if self in (Endpoint.CREATE, Endpoint.TOKEN, Endpoint.REPORT) else "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request on its way through the sandbox."""

    request: Request = field(repr=False)
    endpoint: Endpoint
    number: int
    """Counts all requests, from 1."""
    call: int
    """Counts the requests of this endpoint."""
    attempt: int
    """Counts the requests of this endpoint for this e-mail."""
    members: dict[str, Any] = field(repr=False)
    """The body's members, or nothing where it is not a JSON object."""
    body_bytes: int
    is_readable: bool

    @property
    def email(self) -> str | None:
        """Whom it is about: the candidate of a create, the filter of a list."""
        return email_of(self.request, self.members)

    @property
    def root_url(self) -> str:
        """The sandbox's own address, without a path."""
        host, port = self.request.scope["server"]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def text(self, name: str) -> str | None:
        """Return a member that is a text, not blank; else None."""
        value = self.members.get(name)
        return value if isinstance(value, str) and value else None

    def entry(self, event: Event, **facts: Any) -> Entry:  # noqa: ANN401 - as many kinds as fields
        """Return the log line of *event*, with *facts* over what the request says itself."""
        named = {
            "position_name": _short(self.text("position_name")),
            "position_external_id": _short(self.text("position_external_id")),
            "position_def_set_id": _short(self.text("position_def_set_id")),
            "email": _short(self.email),
            "request_id": self.request.state.request_id,
        }
        return Entry(
            event=event,
            number=self.number,
            call=self.call,
            attempt=self.attempt,
            method=self.request.method,
            endpoint=str(self.endpoint),
            **(named | facts),
        )


def read_members(body: bytes) -> dict[str, Any] | None:
    """Return the members of a JSON object; None where *body* is not one."""
    try:
        members = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return members if isinstance(members, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def email_of(request: Request, members: dict[str, Any]) -> str | None:
    """Return the e-mail exactly as it was sent: it is the candidate's identity."""
    value = members.get("candidate_email") or request.query_params.get("filter_text")
    return value if isinstance(value, str) else None


def _short(text: str | None) -> str | None:
    return text[:_TEXT_LIMIT] if text else None
