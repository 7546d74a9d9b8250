"""A request to a page, and how it is answered."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.background import BackgroundTask
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from jobmojito_batch.desk.uploads import NewFiles, Upload
from jobmojito_batch.desk.wording import FILTERS, KINDS, SAID
from jobmojito_batch.pipeline.about import MEANINGS

if TYPE_CHECKING:
    from jobmojito_batch.desk.desk import Desk

_TEMPLATES: Final = Path(__file__).with_name("templates")


@cache
def environment() -> Environment:
    """The templates: what they are given is text, never markup, and nothing that is not given."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(FILTERS)
    templates.globals.update(kinds=KINDS, outcomes_mean=MEANINGS, sentences=SAID)
    return templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request that may be answered: it came from the desk's own pages."""

    desk: "Desk"
    request: Request = field(repr=False)
    form: FormData = field(default_factory=FormData, repr=False)

    @property
    def is_partial(self) -> bool:
        """Whether htmx asks, which takes a part of the page out of the answer."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def upload(self) -> Upload:
        """The upload that the page is about. Raises SettingsError."""
        return self.desk.uploads.find(self.part("upload"))

    @property
    def home(self) -> str:
        """Where the pages of the upload begin."""
        return f"/uploads/{self.part('upload')}"

    def part(self, name: str) -> str:
        """A named part of the path; "" where it has none."""
        return str(self.request.path_params.get(name, ""))

    def said(self, name: str) -> str:
        """A text of the form, else of the address; "" where there is none."""
        value = self.form.get(name, self.request.query_params.get(name, ""))
        return value.strip() if isinstance(value, str) else ""

    def number(self, name: str, *, otherwise: int = 0) -> int:
        """A whole number from 0 that somebody wrote, or that stands in the address."""
        try:
            return max(0, int(self.said(name)[:9]))
        except ValueError:
            return otherwise

    @property
    def files(self) -> NewFiles:
        """What somebody chose to upload."""

        def of(name: str) -> list[tuple[str, IO[bytes]]]:
            chosen_files = [
                file for file in self.form.getlist(name) if isinstance(file, UploadFile)
            ]
            return [(file.filename, file.file) for file in chosen_files if file.filename]

        candidates, jobs = (next(iter(of(name)), None) for name in ("candidates", "jobs"))
        return NewFiles(candidates=candidates, resumes=of("resumes"), jobs=jobs)

    def page(self, template: str, *, status: int = 200, **data: object) -> Response:
        """A page of these records."""
        common = {
            "token": self.desk.keys.token,
            "upload_id": self.part("upload"),
            "home": self.home,
            "said": self.request.query_params.get("said", ""),
        }
        shown = environment().get_template(template).render(common | data)
        return HTMLResponse(shown, status)

    @staticmethod
    def go(where: str, **query: object) -> Response:
        """Have the browser go there; a reload then posts nothing again."""
        return RedirectResponse(f"{where}?{urlencode(query)}" if query else where, 303)

    @staticmethod
    def download(write: Callable[[Path], Path]) -> Response:
        """The file that *write* makes in a folder of its own, gone once it is sent."""
        folder = tempfile.TemporaryDirectory(prefix="jobmojito-desk-")
        try:
            path = write(Path(folder.name))
        except BaseException:
            folder.cleanup()
            raise
        return FileResponse(path, filename=path.name, background=BackgroundTask(folder.cleanup))


Answer = Callable[[Visit], Response]
