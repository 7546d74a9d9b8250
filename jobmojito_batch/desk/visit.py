"""A request to a page, and how it is answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import FormData, UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response

from jobmojito_batch.desk.wording import FILTERS

if TYPE_CHECKING:
    from jobmojito_batch.desk.desk import Desk
    from jobmojito_batch.desk.open_uploads import OpenUpload

MOST_FIELDS: Final = 4_000
MOST_OF_A_FIELD: Final = 1 << 20
_TEMPLATES: Final = Path(__file__).with_name("templates")


@cache
def environment() -> Environment:
    """The templates: what they are given is text, never markup, and nothing that is not given."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request that may be answered: it came from the desk's own pages."""

    desk: "Desk"
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: FormData = field(default_factory=FormData, repr=False)
    is_partial: bool = False
    """Whether htmx asks, which takes a part of the page out of the answer."""

    @property
    def open(self) -> "OpenUpload":
        """The upload that the page is about. Raises SettingsError."""
        return self.desk.open_uploads.find(self.path["upload"])

    @property
    def home(self) -> str:
        """Where the pages of the upload begin."""
        return f"/uploads/{self.path['upload']}"

    def said(self, name: str) -> str:
        """A text of the form; "" where there is none."""
        value = self.form.get(name, "")
        return value if isinstance(value, str) else ""

    def files(self, name: str) -> list[tuple[str, IO[bytes]]]:
        """Files of the form that somebody chose."""
        found = [one for one in self.form.getlist(name) if isinstance(one, UploadFile)]
        return [(one.filename, one.file) for one in found if one.filename]

    def page(self, template: str, *, status: int = 200, **data: object) -> Response:
        """A page of these records."""
        shown = environment().get_template(template)
        common = {"token": self.desk.keys.token, "path": self.path, "said": self.query.get("said")}
        return HTMLResponse(shown.render(common | data), status)

    @staticmethod
    def go(where: str, **query: str) -> Response:
        """Have the browser go there; a reload then posts nothing again."""
        return RedirectResponse(f"{where}?{urlencode(query)}" if query else where, 303)


def number(text: str, *, least: int = 0, otherwise: int = 0) -> int:
    """A whole number that somebody wrote, or that stands in an address."""
    try:
        return max(least, int(text.strip()[:12]))
    except ValueError:
        return otherwise


Answer = Callable[[Visit], Response]
