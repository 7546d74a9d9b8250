"""
The API's contract as pydantic models: what we send, what we accept back.

Source of every member, type and bound: the vendor's OpenAPI document, carried over in the
project's reference (create-for-candidate.fields.json). Strict outwards (`extra="forbid"`: the
platform drops unknown members silently, so a misspelt one would be lost), tolerant inwards (the
live API returns null in members declared as strings, and may add statuses).
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

CREATE_PATH: Final = "job-interview-create-for-candidate-with-token"

LanguageCode = Literal[
    "ar", "bg", "zh", "hr", "cs", "da", "nl", "en", "fil", "fi", "fr", "de", "el", "hi", "hu",
    "id", "it", "ja", "ko", "ms", "no", "pl", "pt", "br", "ro", "ru", "sk", "es", "sv", "ta",
    "th", "tr", "uk", "vi",
]  # fmt: skip
"""The platform's 34 codes. `br` is Brazilian Portuguese (ISO 639 has Breton there)."""

LANGUAGE_CODES: Final[tuple[str, ...]] = get_args(LanguageCode)

VideoIntroduction = Literal["optional", "required"]
Seniority = Literal["entry-level", "intermediate", "senior", "managerial", "director", "executive"]
ResultView = Literal[
    "none", "minimal", "minimal_with_score", "advanced", "full", "full_expand_scores"
]
ConversationSpeed = Literal["slower", "normal", "faster"]
ReportTemplate = Literal["classic", "modern", "one_pager"]


class _Sent(BaseModel):
    """Base of what we send: nothing unknown passes, and no value stands in an error text."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )


class HiringForCompany(_Sent):
    """The end employer, where the account hires for somebody else."""

    name: str | None = Field(None, description="Employer name, or the word undisclosed.")
    description: str | None = Field(None, description="Background the interviewer may use.")
    location: str | None = Field(None, description="Main location.")
    sector: str | None = Field(None, description="Industry.")
    company_size: str | None = Field(None, description="Approximate headcount, as text.")


class PdfExportAutoConfig(_Sent):
    """Which parts the automatic PDF report has."""

    mojito_language_code: str | None = Field(None, description="Language of the report.")
    contact_details: bool | None = Field(None, description="Adds contact data.")
    ai_recruiter_assessment: bool | None = Field(None, description="Adds the AI assessment.")
    ai_scoring_rubric: bool | None = Field(None, description="Adds the scoring rubric.")
    analytics: bool | None = Field(None, description="Adds speech analytics.")
    files: bool | None = Field(None, description="Adds uploaded files.")
    transcript: bool | None = Field(None, description="Adds the transcript.")
    answer_recording: bool | None = Field(None, description="Adds links to answer recordings.")
    session_recording: bool | None = Field(None, description="Adds the session recording.")
    group_by_question: bool | None = Field(None, description="Groups answers by question.")
    template: ReportTemplate | None = Field(None, description="Layout; classic by default.")


class CreateRequest(_Sent):
    """
    The body of job-interview-create-for-candidate-with-token: 42 members.

    The four candidate members are always required; the four position members are required where
    position_def_set_id is absent (see POSITION_CORE), which the rules of a row check.
    """

    # The candidate
    candidate_name: str = Field(min_length=1, description="Full name.")
    candidate_email: str = Field(
        min_length=1, description="E-mail address; also the sign-in identity."
    )
    candidate_country_code: str = Field(
        min_length=1, description="Country of the candidate, ISO alpha-2."
    )
    candidate_resume: str = Field(min_length=1, description="Résumé as plain text.")
    candidate_external_id: str | None = Field(
        None, description="Your own id of the candidate; comes back in lists and webhooks."
    )
    candidate_linkedin_url: str | None = Field(None, description="LinkedIn address.")
    candidate_video_introduction: VideoIntroduction | None = Field(
        None, description="Whether a video introduction is asked for."
    )
    # The position
    position_def_set_id: str | None = Field(
        None, description="Id of an existing position; looks it up instead of creating one."
    )
    position_external_id: str | None = Field(
        None, description="Your own code of the position, used to look it up."
    )
    position_name: str | None = Field(None, description="Job title.")
    position_location: str | None = Field(None, description="Free text, for example remote.")
    position_country_code: str | None = Field(
        None, description="Country of the position, ISO alpha-2."
    )
    mojito_language_code: LanguageCode | None = Field(
        None, description="Language of the interview, one of the platform's 34 codes."
    )
    position_description: str | None = Field(
        None, description="About two sentences; blank lets the platform write it."
    )
    position_description_long: str | None = Field(
        None, description="Full description in Markdown; blank lets the platform write it."
    )
    # The interview
    interview_template_id: str | None = Field(
        None, description="Avatar template; decides the price of the interview."
    )
    merchant_id: str | None = Field(
        None, description="Acts for another merchant; only admin and sub-merchant tokens."
    )
    interview_attempts: float | None = Field(
        None, ge=1, le=20, description="Attempts a candidate may make."
    )
    seniority_level: Seniority | None = Field(None, description="Found out where omitted.")
    result_view: ResultView | None = Field(
        None, description="What the candidate sees afterwards; minimal by default."
    )
    custom_scoring: dict[str, Any] | None = Field(
        None, description="Scoring overrides, a JSON object; merged with the defaults."
    )
    use_enhanced_expectations: bool | None = Field(None, description="Reserved; do not send.")
    include_rapport_question: bool | None = Field(
        None, description="Adds an opening rapport question; false by default."
    )
    include_closing_prompt: bool | None = Field(
        None, description="Adds a closing prompt; true by default."
    )
    instructional_video: bool | None = Field(
        None, description="Shows an instruction video first; false by default."
    )
    instructional_video_custom_text: str | None = Field(
        None, description="Text that goes with the instruction video."
    )
    welcome_message: str | None = Field(None, description="Replaces the welcome text.")
    thank_you_message: str | None = Field(None, description="Replaces the closing text.")
    max_duration: float | None = Field(
        None, description="Seconds; 1200 by default. Sets the credit multiplier."
    )
    is_embedded: bool | None = Field(
        None, description="Asks for iframe embedding; the answer then carries a secret key."
    )
    interview_department: str | None = Field(None, description="Department label.")
    interview_salary: str | None = Field(None, description="Salary text shown to candidates.")
    interview_available_till: str | None = Field(
        None, description="ISO date or date-time after which the interview closes."
    )
    interview_conversation_speed: ConversationSpeed | None = Field(
        None, description="Pace of the avatar."
    )
    max_followups: int | None = Field(
        None, ge=0, le=999, description="AI follow-up questions; 0 switches them off."
    )
    questions_random_subset: float | None = Field(
        None, ge=0.01, le=0.9, description="Share of the questions to ask."
    )
    required_pronunciation: bool | None = Field(
        None, description="Turns on pronunciation assessment; false by default."
    )
    result_enable_edit_transcript: bool | None = Field(
        None, description="Lets the candidate edit the transcript; true by default."
    )
    tags: list[str] | None = Field(None, description="Labels, separated by comma or semicolon.")
    recruiter_profile_id: str | None = Field(None, description="Owner of the interview.")
    hiring_for_company: HiringForCompany | None = Field(
        None, description="End employer, a JSON object; omit when hiring for yourself."
    )
    pdf_export_auto_config: PdfExportAutoConfig | None = Field(
        None, description="Automatic PDF report, a JSON object."
    )

    def body(self) -> bytes:
        """The JSON to send: only members that have a value."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)


REQUIRED_ALWAYS: Final = (
    "candidate_name",
    "candidate_email",
    "candidate_country_code",
    "candidate_resume",
)
POSITION_CORE: Final = (
    "position_name",
    "position_location",
    "position_country_code",
    "mojito_language_code",
)
"""Required where position_def_set_id is absent; not sent where it is present."""

BY_ID_OMITS: Final = (
    *POSITION_CORE,
    "position_external_id",
    "position_description",
    "position_description_long",
)
"""
What a row with a position_def_set_id leaves out. The external id is among them because the
precedence of two ids is unknown (reference, section 8: send only one).
"""


class Status(StrEnum):
    """The statuses the API documents for a 200; it may come to send others."""

    AI_ACCEPT = "ai_accept"
    RECRUITER_ACCEPT = "recruiter_accept"
    RECRUITER_ACTION = "recruiter_action"
    AI_REJECT = "ai_reject"
    RECRUITER_REJECT = "recruiter_reject"
    ALREADY_APPLIED = "already-applied"


class _Received(BaseModel):
    """Base of what we are sent: unknown members are kept, values never stand in an error text."""

    model_config = ConfigDict(
        extra="allow", frozen=True, hide_input_in_errors=True, defer_build=True
    )


class CreateResponse(_Received):
    """A 200. Only `status` is relied on; everything else may be missing or null."""

    status: str = Field(min_length=1)
    interview_url: str | None = Field(None, repr=False)
    position_def_set_id: str | None = None
    interview_def_set_id: str | None = None
    profile_interview_id: str | None = None
    reason: str | None = Field(None, repr=False)
    embed_id: str | None = Field(None, repr=False)
    embed_signing_key: str | None = Field(None, repr=False)


class ErrorBody(_Received):
    """JobMojito's own error envelope: a text, and the field where one is to blame."""

    error: str = Field(repr=False)
    name: str | None = None


class PlatformErrorBody(_Received):
    """An error from the platform below JobMojito (Supabase Edge Functions)."""

    code: str | int
    message: str | None = Field(None, repr=False)


class OtherBody(_Received):
    """A JSON object that is none of these; what it says is in `texts_of`."""

    def __repr__(self) -> str:
        return "<OtherBody>"


_TEXTS: Final = ("reason", "error", "message", "detail", "details", "description", "title")


def texts_of(body: BaseModel) -> str:
    """What a body says to a person, under whatever name, one level deep."""
    said: list[object] = []
    for name in _TEXTS:
        value = getattr(body, name, None)
        said += value.values() if isinstance(value, dict) else [value]
    return ". ".join(text for text in said if isinstance(text, str))


def _or_nothing(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


_T = TypeVar("_T")
Lenient = Annotated[_T | None, WrapValidator(_or_nothing)]
"""A member that reads as null where it holds anything else: it does not cost the whole answer."""


def _moment(value: object) -> datetime | None:
    """An ISO 8601 text; a number would read as seconds since 1970, which is long ago."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


class ResultRow(_Received):
    """
    A row of merchant-result-list, as far as settling looks at it.

    One enrolment may have several: of its screening, its interview, its attempts (reference,
    jobmojito-after section 0).
    """

    profile_id: Lenient[str] = None
    profile_interview_id: Lenient[str] = None
    definition_id: Lenient[str] = None
    candidate_email: Lenient[str] = Field(None, repr=False)
    position_name: Lenient[str] = None
    position_step: Lenient[str] = None
    decision_status: Lenient[str] = None
    created_at: Annotated[datetime | None, BeforeValidator(_moment)] = None


class FollowUpRow(ResultRow):
    """The same row, as far as following up looks at it: how far the candidate is, what was said."""

    model_config = ConfigDict(extra="ignore")  # there are thousands, and who they are is known

    id: Lenient[str] = None
    interview_result_id: Lenient[str] = None
    interview_result_pre_screening_id: Lenient[str] = None
    external_id: Lenient[str] = None
    status: Lenient[str] = None
    coach_status: Lenient[str] = None
    processing_status: Lenient[str] = None
    interview_started: Lenient[bool] = None
    is_test: Lenient[bool] = None
    score: Lenient[float] = None
    updated_at: Annotated[datetime | None, BeforeValidator(_moment)] = None


class Pagination(_Received):
    """Where a page of a list stands."""

    has_more: bool = False
    total: Lenient[int] = None


class ResultPage(_Received):
    """A page of merchant-result-list, newest first."""

    data: list[ResultRow] = Field(repr=False)
    pagination: Pagination = Pagination()


class FollowUpPage(_Received):
    """The same page, for following up."""

    data: list[FollowUpRow] = Field(repr=False)
    pagination: Pagination = Pagination()


class CreditRow(_Received):
    """One charge of the account's credit ledger."""

    id: Lenient[str] = None
    event_date: Annotated[datetime | None, BeforeValidator(_moment)] = None
    event: Lenient[str] = None
    credit_amount: Lenient[float] = None
    profile_id: Lenient[str] = None
    profile_interview_id: Lenient[str] = None
    object_uuid: Lenient[str] = None
    parent_object_uuid: Lenient[str] = None


class CreditPage(_Received):
    """A page of merchant-analytics-credits-used, newest first."""

    data: list[CreditRow] = Field(repr=False)
    pagination: Pagination = Pagination()


class PdfAnswer(_Received):
    """Where a report can be fetched, for a while and by anybody."""

    pdf_export_url: str = Field(min_length=1, repr=False)


class MerchantStatus(_Received):
    """merchant-status, as far as the plan looks at it."""

    merchant_id: Lenient[str] = None
    credits_interview_monthly: Lenient[float] = None
    credits_interview_extra: Lenient[float] = None
    credits_interview_single: Lenient[float] = None
    invitations_available: Lenient[float] = None
    """A number with fractions, below nothing where more were sent than the credits allow."""

    @property
    def credits_left(self) -> float | None:
        """
        Monthly and extra credits together; single ones are for one position only.

        None where the answer names neither: a plan without a month's credits may have extra ones.
        """
        named = [self.credits_interview_monthly, self.credits_interview_extra]
        known = [amount for amount in named if amount is not None]
        return sum(known) if known else None
