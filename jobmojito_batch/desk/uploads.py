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
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from threading import Lock, RLock
from typing import IO, Final, TypeVar

import uuid_utils
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import to_json

from jobmojito_batch.desk.receiving import keep, safe_name, take_resumes
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import (
    CheckedInput,
    Corrections,
    Look,
    Step,
    look_at,
    settings_for,
)
from jobmojito_batch.pipeline.work_dir import Spool
from jobmojito_batch.publish import write_fault, written_whole
from jobmojito_batch.records import InputDoubt

T = TypeVar("T")
MOST_OPEN: Final = 4
"""Uploads whose checks are kept: those that were looked at last."""
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
    additions: int = 0
    """How often files were added: what is read of them is another content."""
    answered: list[str] = Field(default=[], description="digests of doubts that are as they are")
    is_remembered: bool = False
    """Whether the mapping was that of an earlier file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFiles:
    """What a form brought: names as they were given, and contents."""

    candidates: tuple[str, IO[bytes]] | None = None
    resumes: Sequence[tuple[str, IO[bytes]]] = ()
    jobs: tuple[str, IO[bytes]] | None = None


@dataclass(slots=True)
class Upload:
    """One upload: as it lies on the disk, and its check while somebody works at it."""

    folder: Path
    lock: RLock = field(default_factory=RLock, init=False, compare=False, repr=False)
    """Held by what changes it, and by what needs its check to stay as it is."""
    _checked: CheckedInput | None = field(default=None, init=False, compare=False, repr=False)
    _of: str = field(default="", init=False, compare=False, repr=False)
    """The content that was checked."""
    _is_whole: bool = field(default=False, init=False, compare=False, repr=False)

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
            str(self.note.additions),
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
            "additions": note.additions + 1,
        }
        if files.jobs is not None:
            name = safe_name(files.jobs[0], otherwise="jobs")
            folder = self.folder / "jobs"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            keep(files.jobs[1], folder / name, most=MOST_OF_AN_INPUT)
            changes["jobs"] = name
        self.say(**changes)

    # Its check

    def close(self) -> None:
        """Let go of the prepared rows."""
        with self.lock:
            if self._checked is not None:
                self._checked.close()
            self._checked = None

    def checked(self, *, whole: bool = False) -> CheckedInput:
        """It as it is now; *whole*: every row by every rule. Raises BatchError."""
        with self.lock:
            content = self.content(None)
            if self._checked is None or self._of != content or (whole and not self._is_whole):
                self.close()
                self._checked = CheckedInput.of(self.parameters())
                self._of, self._is_whole = content, True
            return self._checked

    def look(self) -> Look:
        """Headers and samples alone, where it cannot be checked. Raises BatchError."""
        parameters = self.parameters()
        folder = settings_for(parameters).spool_folder
        with Spool(folder, str(uuid_utils.uuid7())) as spool:
            return look_at(parameters, spool)

    def take(self, step: Step) -> None:
        """Correct cells, or leave rows out. Raises BatchError."""
        with self.lock:
            checked = self.checked()
            self.corrections.with_step(step).write(self.corrections_file)
            self._follow(checked, step)

    def undo(self) -> bool:
        """Take the latest step back; False where there is none. Raises BatchError."""
        with self.lock:
            corrections = self.corrections
            if corrections.steps:
                checked = self.checked()
                corrections.undone().write(self.corrections_file)
                self._follow(checked, corrections.steps[-1], back=True)
            return bool(corrections.steps)

    def _follow(self, checked: CheckedInput, step: Step, *, back: bool = False) -> None:
        """The check takes a step, or takes it *back*; where it cannot, all is read again."""
        cells = {
            (change.row, change.column): change.before if back else change.after
            for change in step.changes
        }
        columns = {column for _, column in cells}
        if not checked.has(step.rows) or checked.takes_whole_check(columns):
            self.close()
            return
        if cells:
            checked.correct(cells)
        checked.leave_out(step.left_out, back=back)
        self._of, self._is_whole = self.content(None), False


def digest_of(doubt: InputDoubt) -> str:
    """What a doubt is known by: another number of rows is another doubt."""
    return sha256(doubt.text.encode()).hexdigest()[:24]


class Uploads:
    """All of them, and the mappings that are remembered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, Upload] = OrderedDict()
        """Those whose checks are kept, the latest last."""
        self._lock = Lock()

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
        folder = self.folder / "uploads" / upload_id
        if not upload_id.replace("-", "").isalnum() or not folder.is_dir():
            raise SettingsError("there is no such upload (any more)")
        with self._lock:
            upload = self._open.setdefault(upload_id, Upload(folder))
            self._open.move_to_end(upload_id)
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)[1].close()
        return upload

    def remove(self, upload: Upload) -> None:
        """Remove an upload and all that belongs to it."""
        upload.close()
        shutil.rmtree(upload.folder, ignore_errors=True)
        with self._lock:
            self._open.pop(upload.id, None)

    def close(self) -> None:
        """Let go of the checks."""
        for upload in self._open.values():
            upload.close()

    def all(self) -> list[Upload]:
        """All that are whole, the latest first."""
        folders = sorted((self.folder / "uploads").iterdir(), reverse=True)
        return [
            Upload(folder) for folder in folders if read_json(folder / "upload.json", UploadNote)
        ]

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
            self.remove(upload)
            if isinstance(exc, OSError):
                raise write_fault(upload.folder, exc) from exc
            raise
        return self.find(upload.id)

    def mapping_file(self, headers: Sequence[str]) -> Path:
        """Where the mapping of files with these headers is remembered."""
        said = json.dumps(sorted({header.strip().casefold() for header in headers}))
        return self.folder / "mappings" / f"{sha256(said.encode()).hexdigest()[:32]}.json"
