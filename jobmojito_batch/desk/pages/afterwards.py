"""The next steps of a run: follow up, and letters; each goes on in a process of its own."""

import shutil
from pathlib import Path
from typing import Any, Final

from starlette.responses import FileResponse, Response

from jobmojito_batch.desk.errands import Errand
from jobmojito_batch.desk.uploads import read_json, write_json
from jobmojito_batch.desk.visit import Visit
from jobmojito_batch.errors import BatchError, SettingsError

RENEW_AFTER_DAYS: Final = "25"
_FOLLOWUP: Final = "followup"
_DRAFTING: Final = "drafting"
_POSTING: Final = "posting"
_STEPS: Final = ("invited", "not_started", "not_submitted")
_SENDER: Final = "sender.json"


def show(visit: Visit) -> Response:
    """The page."""
    folder, settings = _folder(visit), visit.desk.settings
    errands = [Errand(folder, name) for name in (_FOLLOWUP, _DRAFTING, _POSTING)]
    return visit.page(
        "afterwards.html",
        run_id=visit.part("run"),
        sender=read_json(folder / _SENDER, str) or settings.mail_from or "",
        may_post=settings.smtp_url is not None,
        drafts=len(list(_drafts(visit).glob("*.eml"))),
        going_on=[errand.name for errand in errands if errand.is_going_on],
        came_to={
            errand.name: _came_to(said) for errand in errands if (said := errand.said) is not None
        },
        faults=[fault for errand in errands if (fault := errand.fault)],
        steps=_STEPS,
        has_followup=_followup_file(visit).is_file(),
    )


def follow_up(visit: Visit) -> Response:
    """Look up what became of the invitations."""
    renew = ["--renew-links", RENEW_AFTER_DAYS] if visit.said("renew") == "yes" else []
    return _begun(visit, _FOLLOWUP, "followup", "-o", str(_followup_file(visit)), *renew)


def write_letters(visit: Visit) -> Response:
    """Write the drafts, anew each time."""
    words = _letters(visit)
    if not Errand(_folder(visit), _DRAFTING).is_going_on:
        shutil.rmtree(_drafts(visit), ignore_errors=True)
    return _begun(visit, _DRAFTING, *words, "--to", str(_drafts(visit)))


def post_letters(visit: Visit) -> Response:
    """Post the letters, each once."""
    if visit.said("sure") != "yes":
        raise BatchError("nothing was posted: tick the box that says that it cannot be taken back")
    target = _folder(visit) / f"{visit.part('run')}.letters.csv"
    return _begun(visit, _POSTING, *_letters(visit), "--send", "--yes", "-o", str(target))


def download(visit: Visit) -> Response:
    """The drafts in one file, or what following up wrote."""
    name, followup, drafts = visit.part("name"), _followup_file(visit), _drafts(visit)
    if name == _FOLLOWUP and followup.is_file():
        return FileResponse(followup, filename=followup.name)
    if name != drafts.name or not drafts.is_dir():
        raise SettingsError("there is no such file yet")
    return visit.download(lambda to: Path(shutil.make_archive(f"{to}/letters", "zip", drafts)))


def _begun(visit: Visit, name: str, command: str, *words: str) -> Response:
    run_id = visit.part("run")
    Errand(_folder(visit), name).start(command, "--run", run_id, *words, "--json")
    return visit.go(f"/runs/{run_id}/afterwards")


def _letters(visit: Visit) -> list[str]:
    """The command that writes letters as they were asked for; their sender is kept."""
    step, sender = visit.said("step"), visit.said("sender")
    if step not in _STEPS:
        raise SettingsError("choose for whom the letters are")
    if sender:
        _folder(visit).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_json(_folder(visit) / _SENDER, sender)
    return ["letters", "--for", step, *([f"--from={sender}"] if sender else [])]


def _came_to(said: dict[str, Any]) -> str:
    """What a command's JSON comes to."""
    if "sentence" in said:
        return str(said["sentence"])
    outcomes = said.get("outcomes") or {}
    posted = [f"{count} {name.replace('_', ' ')}" for name, count in outcomes.items() if count]
    return ", ".join(posted) or f"{said.get('drafts', 0)} drafts; nothing was sent"


def _folder(visit: Visit) -> Path:
    run_id = visit.part("run")
    if not run_id.replace("-", "").isalnum():
        raise SettingsError("there is no such run")
    return visit.desk.uploads.folder / "afterwards" / run_id


def _drafts(visit: Visit) -> Path:
    return _folder(visit) / "letters"


def _followup_file(visit: Visit) -> Path:
    return _folder(visit) / f"{visit.part('run')}.followup.csv"
