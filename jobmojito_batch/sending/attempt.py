"""A row on its way through its attempts, the request it makes and what is kept of the answer."""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from jobmojito_batch.columns import ErrorCode, Outcome
from jobmojito_batch.contract import BY_ID_OMITS, CreateRequest, CreateResponse
from jobmojito_batch.errors import BatchError
from jobmojito_batch.ledger import Claim, Enrolment
from jobmojito_batch.normalise import fault_in, to_members
from jobmojito_batch.records import Fault
from jobmojito_batch.sending.dispatch import Job
from jobmojito_batch.sending.rows import Row
from jobmojito_batch.sending.settling import Doubt
from jobmojito_batch.verdict import Action, Answer, Verdict, is_safe_link


@dataclass(slots=True, kw_only=True)
class Call:
    """A row on its way through its attempts."""

    job: Job
    row: Row = field(repr=False)
    number: int = 0
    counted: int = 0
    """Attempts that count towards the row's bound."""
    invitation_id: int | None = None
    """Set once the row holds its claim."""
    held_at: datetime | None = None
    """When the claim was last made sure of."""
    position_def_set_id: str | None = None
    """The id that the last attempt was sent with."""
    sent_at: datetime | None = None
    token: str = field(default="", repr=False)
    """What the last attempt was made with."""
    has_renewed_token: bool = False
    answer: Answer | None = field(default=None, repr=False)
    lost_to: Claim | None = None
    """Who has the invitation, or opens its position, where the row did not get its claim."""
    doubt: Doubt | None = None
    """The doubt that this call settles, by sending once more what did not happen."""

    @property
    def merchant_id(self) -> str | None:
        """Whom the row acts for; None for the token's own merchant."""
        return self.row.get("merchant_id")


class UnfitRowError(BatchError):
    """A row that passed the rules, and not the request model: it is not sent."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"a planned row does not pass the contract ({fault.field})")
        self.verdict = Verdict(
            action=Action.FAIL,
            outcome=Outcome.INVALID,
            code=ErrorCode.INVALID_VALUE,
            field=fault.field or None,
            message=fault.message,
            is_free=True,
        )


def request_of(row: Row, position_def_set_id: str | None) -> CreateRequest:
    """
    The request of a row; with a position id it leaves out what only creates a position.

    Raises UnfitRowError where the row does not pass the model, as planning rules out.
    """
    members = to_members(row)
    if position_def_set_id is not None:
        members.setdefault("position_def_set_id", position_def_set_id)
    if members.get("position_def_set_id") is not None:
        members = {name: value for name, value in members.items() if name not in BY_ID_OMITS}
    try:
        return CreateRequest.model_validate(members)
    except ValidationError as exc:
        raise UnfitRowError(fault_in(exc)) from None


def enrolment_of(answer: Answer) -> Enrolment | None:
    """What to keep of an answer; text and nothing but text."""
    body = answer.body
    if not isinstance(body, CreateResponse):
        return None
    return Enrolment(
        status=body.status,
        interview_url=body.interview_url if is_safe_link(body.interview_url) else None,
        reason=body.reason,
        position_def_set_id=body.position_def_set_id,
        interview_def_set_id=body.interview_def_set_id,
        profile_interview_id=body.profile_interview_id,
    )
