"""What kind of value each request member holds. A test holds them against the contract."""

from dataclasses import dataclass
from typing import Final, get_args

from pydantic import BaseModel

from jobmojito_batch import contract

MEMBERS: Final = tuple(contract.CreateRequest.model_fields)
"""The 42 members of the request, in the contract's order."""

MULTILINE: Final = frozenset(
    {
        "candidate_resume",
        "position_description",
        "position_description_long",
        "welcome_message",
        "thank_you_message",
        "instructional_video_custom_text",
    }
)
"""Members whose line breaks mean something."""

COUNTRIES: Final = ("candidate_country_code", "position_country_code")
LANGUAGE: Final = "mojito_language_code"
DATE: Final = "interview_available_till"
EMAIL: Final = "candidate_email"
RESUME: Final = "candidate_resume"
TAGS: Final = "tags"
LINKEDIN: Final = "candidate_linkedin_url"
EXTERNAL: Final = "candidate_external_id"
MERCHANT: Final = "merchant_id"
RESUME_PROBLEM: Final = "resume_problem"
"""What a row says where its résumé file could not be read; null where there is no problem."""
RESUME_IS_CUT: Final = "resume_is_cut"
"""Boolean: whether Excel cut the cell of the résumé."""
PEOPLE_PROBLEM: Final = "people_problem"
"""Which other row has its address for somebody else; a column only where there is such a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The numbers a member may hold, both ends included."""

    least: float
    most: float | None = None
    whole: bool = False

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.most is None:
            return f"{kind} of at least {self.least:g}"
        return f"{kind} from {self.least:g} to {self.most:g}"


NUMBERS: Final = {
    "interview_attempts": Bounds(least=1, most=20),
    "max_duration": Bounds(least=1),  # the contract states none, but seconds are not negative
    "max_followups": Bounds(least=0, most=999, whole=True),
    "questions_random_subset": Bounds(least=0.01, most=0.9),
}

BOOLEANS: Final = (
    "use_enhanced_expectations",
    "include_rapport_question",
    "include_closing_prompt",
    "instructional_video",
    "is_embedded",
    "required_pronunciation",
    "result_enable_edit_transcript",
)

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "candidate_video_introduction": get_args(contract.VideoIntroduction),
    "seniority_level": get_args(contract.Seniority),
    "result_view": get_args(contract.ResultView),
    "interview_conversation_speed": get_args(contract.ConversationSpeed),
}

OBJECTS: Final[dict[str, type[BaseModel] | None]] = {
    "custom_scoring": None,
    "hiring_for_company": contract.HiringForCompany,
    "pdf_export_auto_config": contract.PdfExportAutoConfig,
}
"""Members that hold a JSON object, and the model of the object where the contract has one."""

JSON: Final = (*OBJECTS, TAGS)

VALUED: Final = (*NUMBERS, *BOOLEANS, *CHOICES, *OBJECTS, TAGS, DATE)
"""Members whose text must read as a value; all others are free text or have rules of their own."""
