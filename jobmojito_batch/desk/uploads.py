"""
Uploads: a folder each, in the person's data folder, with all that is known of it.

    input/NAME          what was uploaded, and the results beside it
    resumes/, jobs/     what was uploaded with it
    upload.json         how it is read, which doubts are answered
    corrections.jsonl   what was corrected by hand
    sends/0, 1, …       each press of Send that counted (`sends.py`)
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import IO, Final, TypeVar

import uuid_utils
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import to_json

from jobmojito_batch.desk.receiving import keep, safe_name, take_resumes
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import Corrections
from jobmojito_batch.publish import write_fault, written_whole
from jobmojito_batch.records import InputDoubt

T = TypeVar("T")
MOST_OF_AN_INPUT: Final = 300 * 2**20
HOW_READ: Final = frozenset({"mapping", "values", "sheet", "encoding", "hidden_rows", "header_row"})
"""What a note says of how the file is read, as a run is asked for it."""


def write_json(target: Path, value: object) -> None:
    """Keep *value* in *target*, whole. Raises BatchError."""
    try:
        with written_whole(target) as path:
            path.write_bytes(to_json(value))
    except OSError as exc:
        raise write_fault(target, exc) from exc


def read_json(file: Path, kind: type[T]) -> T | None:
    """What was kept in *file*; None where that is nothing, or nothing of this kind."""
    try:
        return TypeAdapter(kind).validate_json(file.read_bytes())
    except (OSError, ValueError):
        return None


class UploadNote(BaseModel):
    """What a person has said of an upload."""

    model_config = ConfigDict(frozen=True)

    name: str
    """As the person calls the file."""
    file: str
    sha256: str
    uploaded_at: datetime
    mapping: dict[str, str] = {}
    values: dict[str, str] = {}
    sheet: str | None = None
    encoding: str | None = None
    hidden_rows: bool = False
    header_row: int | None = None
    jobs: str | None = None
    resumes: int = 0
    resumes_refused: int = 0
    answered: list[str] = Field(default=[], description="digests of doubts that are as they are")
    is_remembered: bool = False
    """Whether the mapping was that of an earlier file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFiles:
    """What a form brought: names as they were given, and contents."""

    candidates: tuple[str, IO[bytes]] | None = None
    resumes: Sequence[tuple[str, IO[bytes]]] = ()
    jobs: tuple[str, IO[bytes]] | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload, as it lies on the disk."""

    folder: Path

    @property
    def id(self) -> str:
        """What its pages are called by."""
        return self.folder.name

    @property
    def note(self) -> UploadNote:
        """What is known of it. Raises SettingsError."""
        note = read_json(self.folder / "upload.json", UploadNote)
        if note is None:
            raise SettingsError("this upload is gone, or was not finished; upload it again")
        return note

    def say(self, **changes: object) -> None:
        """Change what is known of it."""
        write_json(self.folder / "upload.json", self.note.model_copy(update=changes))

    @property
    def corrections_file(self) -> Path:
        """Where the corrections are."""
        return self.folder / "corrections.jsonl"

    @property
    def corrections(self) -> Corrections:
        """What was corrected. Raises SettingsError."""
        return Corrections.read(self.corrections_file)

    def parameters(self, limit: int | None = None) -> InviteParameters:
        """What a run of it is asked for."""
        note = self.note
        return InviteParameters(
            **note.model_dump(include=set(HOW_READ)),
            inputs=[str(self.folder / "input" / note.file)],
            corrections=str(self.corrections_file) if self.corrections_file.exists() else None,
            resumes=str(self.folder / "resumes") if note.resumes else None,
            positions=str(self.folder / "jobs" / note.jobs) if note.jobs else None,
            limit=limit,
        )

    def content(self, limit: int | None) -> str:
        """A hash of all that decides what its rows are and which are sent."""
        corrections = self.corrections_file
        parts = [
            self.note.sha256,
            sha256(corrections.read_bytes()).hexdigest() if corrections.exists() else "",
            self.parameters(limit).model_dump_json(),
        ]
        return sha256("\n".join(parts).encode()).hexdigest()

    def has_answered(self, doubt: InputDoubt) -> bool:
        """Whether the person said that it is as the plan says."""
        return digest_of(doubt) in self.note.answered

    def add(self, files: NewFiles) -> None:
        """Keep what came with the candidates or later. Raises BatchError."""
        note = self.note
        taken = take_resumes(self.folder / "resumes", files.resumes)
        changes: dict[str, object] = {
            "resumes": note.resumes + taken.count,
            "resumes_refused": note.resumes_refused + taken.refused,
        }
        if files.jobs is not None:
            name = safe_name(files.jobs[0], otherwise="jobs")
            folder = self.folder / "jobs"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            keep(files.jobs[1], folder / name, most=MOST_OF_AN_INPUT)
            changes["jobs"] = name
        self.say(**changes)

    def remove(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def digest_of(doubt: InputDoubt) -> str:
    """What a doubt is known by: another number of rows is another doubt."""
    return sha256(doubt.text.encode()).hexdigest()[:24]


class Uploads:
    """All of them, and the mappings that are remembered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def folder(self) -> Path:
        """Where they lie. Raises SettingsError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            for name in ("uploads", "mappings"):
                (self._folder / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise SettingsError(f"{self._folder}: cannot be used ({exc.strerror})") from None
        return self._folder

    def find(self, upload_id: str) -> Upload:
        """The upload with this id. Raises SettingsError."""
        upload = Upload(self.folder / "uploads" / upload_id)
        if not upload_id.replace("-", "").isalnum() or not upload.folder.is_dir():
            raise SettingsError("there is no such upload (any more)")
        return upload

    def all(self) -> list[Upload]:
        """All that are whole, the latest first."""
        folders = sorted((self.folder / "uploads").iterdir(), reverse=True)
        return [Upload(one) for one in folders if read_json(one / "upload.json", UploadNote)]

    def new(self, files: NewFiles) -> Upload:
        """Keep an upload. Raises BatchError, and leaves nothing then."""
        if files.candidates is None:
            raise InputError("no file was chosen; choose the export with your candidates")
        name, source = files.candidates
        upload = Upload(self.folder / "uploads" / str(uuid_utils.uuid7()))
        try:
            (upload.folder / "input").mkdir(mode=0o700, parents=True)
            upload.folder.chmod(0o700)
            file = safe_name(name, otherwise="candidates")
            digest = keep(source, upload.folder / "input" / file, most=MOST_OF_AN_INPUT)
            note = UploadNote(
                name=name[-200:], file=file, sha256=digest, uploaded_at=datetime.now(UTC)
            )
            write_json(upload.folder / "upload.json", note)
            upload.add(files)
        except BaseException as exc:
            upload.remove()
            if isinstance(exc, OSError):
                raise write_fault(upload.folder, exc) from exc
            raise
        return upload

    # Mappings

    def remembered(self, headers: Sequence[str]) -> dict[str, str] | None:
        """The mapping of an earlier file with the same headers."""
        return read_json(self._mapping_file(headers), dict[str, str])

    def remember(self, headers: Sequence[str], mapping: dict[str, str]) -> None:
        """Keep a mapping for files with these headers. Raises BatchError."""
        write_json(self._mapping_file(headers), mapping)

    def forget_mapping(self, headers: Sequence[str]) -> None:
        """Let go of it."""
        self._mapping_file(headers).unlink(missing_ok=True)

    def _mapping_file(self, headers: Sequence[str]) -> Path:
        said = json.dumps(sorted({header.strip().casefold() for header in headers}))
        return self.folder / "mappings" / f"{sha256(said.encode()).hexdigest()[:32]}.json"
