"""The next steps of a run: follow up, and letters; each goes on in a process of its own."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from jobmojito_batch.desk.afterwards import LETTERS, Errand, zipped
from jobmojito_batch.desk.uploads import write_json
from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.errors import BatchError, SettingsError

RENEW_AFTER_DAYS: Final = "25"
_FOLLOWUP: Final = "followup"
_DRAFTING: Final = "drafting"
_POSTING: Final = "posting"
_STEPS: Final = ("invited", "not_started", "not_submitted")
_SENDER: Final = "sender.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterwardsView:
    """What the page shows."""

    run_id: str
    sender: str
    may_post: bool
    drafts: int
    going_on: frozenset[str]
    """Which of the three go on."""
    sentences: dict[str, str]
    """What each of them came to."""
    faults: list[str]
    steps: list[str]
    has_followup: bool


def show(visit: Visit) -> Response:
    """The page."""
    folder, settings = _folder(visit), visit.desk.settings
    errands = [Errand(folder, name) for name in (_FOLLOWUP, _DRAFTING, _POSTING)]
    ended = {one.name: said for one in errands if (said := one.said) is not None}
    drafts = folder / LETTERS
    return visit.page(
        "afterwards.html",
        view=AfterwardsView(
            run_id=visit.path["run"],
            sender=_sender_before(folder) or settings.mail_from or "",
            may_post=settings.smtp_url is not None,
            drafts=len(list(drafts.glob("*.eml"))) if drafts.is_dir() else 0,
            going_on=frozenset(one.name for one in errands if one.is_going_on),
            sentences={name: _sentence(said) for name, said in ended.items()},
            faults=[fault for one in errands if (fault := one.fault)],
            steps=list(_STEPS),
            has_followup=_followup_file(visit).is_file(),
        ),
    )


def follow_up(visit: Visit) -> Response:
    """Look up what became of the invitations."""
    renew = ["--renew-links", RENEW_AFTER_DAYS] if visit.said("renew") == "yes" else []
    words = ["followup", "--run", visit.path["run"], "-o", str(_followup_file(visit)), *renew]
    Errand(_folder(visit), _FOLLOWUP).start(*words)
    return visit.go(_home(visit))


def write_letters(visit: Visit) -> Response:
    """Write the drafts, anew each time."""
    errand = Errand(_folder(visit), _DRAFTING)
    words = _letters(visit)
    if not errand.is_going_on:
        shutil.rmtree(errand.folder / LETTERS, ignore_errors=True)
        errand.start(*words, "--to", str(errand.folder / LETTERS))
    return visit.go(_home(visit))


def post_letters(visit: Visit) -> Response:
    """Post the letters, each once."""
    if visit.said("sure") != "yes":
        raise BatchError("nothing was posted: tick the box that says that it cannot be taken back")
    errand = Errand(_folder(visit), _POSTING)
    target = errand.folder / f"{visit.path['run']}.letters.csv"
    errand.start(*_letters(visit), "--send", "--yes", "-o", str(target))
    return visit.go(_home(visit))


def download(visit: Visit) -> Response:
    """The drafts in one file, or what following up wrote."""
    folder = _folder(visit)
    if visit.path["name"] == _FOLLOWUP and _followup_file(visit).is_file():
        return FileResponse(_followup_file(visit), filename=_followup_file(visit).name)
    if visit.path["name"] != LETTERS or not (folder / LETTERS).is_dir():
        raise SettingsError("there is no such file yet")
    made = tempfile.TemporaryDirectory(prefix="jobmojito-desk-")
    target = Path(made.name) / "letters.zip"
    zipped(folder / LETTERS, target)
    return FileResponse(target, filename=target.name, background=BackgroundTask(made.cleanup))


def _letters(visit: Visit) -> list[str]:
    step, sender = visit.said("step"), visit.said("sender").strip()
    if step not in _STEPS:
        raise SettingsError("choose for whom the letters are")
    if sender:
        _folder(visit).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_json(_folder(visit) / _SENDER, sender)
    return [
        "letters",
        "--run",
        visit.path["run"],
        "--for",
        step,
        *([f"--from={sender}"] if sender else []),
    ]


def _sender_before(folder: Path) -> str:
    """As whom the letters of this run were written last."""
    kept = folder / _SENDER
    return str(json.loads(kept.read_bytes())) if kept.is_file() else ""


def _sentence(said: dict[str, Any]) -> str:
    """What a command's JSON comes to."""
    if "sentence" in said:
        return str(said["sentence"])
    outcomes = said.get("outcomes") or {}
    posted = [f"{count} {name.replace('_', ' ')}" for name, count in outcomes.items() if count]
    return ", ".join(posted) or f"{said.get('drafts', 0)} drafts; nothing was sent"


def _folder(visit: Visit) -> Path:
    run_id = visit.path["run"]
    if not run_id.replace("-", "").isalnum():
        raise SettingsError("there is no such run")
    return visit.desk.uploads.folder / "afterwards" / run_id


def _followup_file(visit: Visit) -> Path:
    return _folder(visit) / f"{visit.path['run']}.followup.csv"


def _home(visit: Visit) -> str:
    return f"/runs/{visit.path['run']}/afterwards"
