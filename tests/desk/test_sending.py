"""A press of Send sends the plan that was seen, once, or nothing; the process itself sees to it."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from jobmojito_batch.cli import main
from jobmojito_batch.desk.carrying_out import carry_out
from jobmojito_batch.desk.errands import Errand
from jobmojito_batch.desk.sends import (
    End,
    NotSentError,
    Send,
    SendState,
    begin,
    latest_of,
    plan_of,
)
from jobmojito_batch.desk.uploads import NewFiles, Upload, Uploads, digest_of, write_json
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import Change, RunObserver, RunResult, Step, run_steps
from jobmojito_batch.sandbox import RunningSandbox, Scenario
from tests.helpers import HEADERS, RESUME, Run, people, write_input


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(Scenario()) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(tmp_path, sandbox, monkeypatch)


@pytest.fixture
def opened(run: Run) -> Iterator[Upload]:
    """An upload of three people."""
    uploads = Uploads(run.folder / "desk")
    text = "\n".join([HEADERS, *people(3)]) + "\n"
    files = NewFiles(candidates=("people.csv", io.BytesIO(text.encode())))
    with closing(uploads.new(files)) as made:
        yield made


def here(parameters: InviteParameters, observer: RunObserver) -> RunResult:
    return asyncio.run(run_steps(parameters, observer))


def pressed(opened: Upload, limit: int | None = None) -> Send:
    """An order as pressing Send leaves it, not yet carried out."""
    seen = plan_of(opened, limit)
    send = Send(opened, seen.order.number)
    send.folder.mkdir(parents=True)
    write_json(send.folder / "order.json", seen.order.model_dump(mode="json"))
    return send


def test_what_was_pressed_is_sent(run: Run, opened: Upload) -> None:
    send = pressed(opened)
    assert carry_out(send.folder, here) == 0
    assert run.creates == 3
    assert send.state is SendState.ENDED
    end = send.end
    assert end is not None
    assert end.run_id == send.run_id
    assert "3 invited" in end.sentence or "3 rows" in end.sentence
    assert Path(end.files["results"]).parent == opened.folder / "input"


def test_stop_that_is_pressed_again_cuts_no_call(tmp_path: Path) -> None:
    """A second SIGTERM means "leave at once" to a run, which its page never offers."""
    told = "import signal, sys; signal.signal(15, lambda *_: print('told', flush=True))"
    with subprocess.Popen(
        [sys.executable, "-c", f"{told}; print('up', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        errand = Errand(tmp_path, "process")
        errand.note(psutil.Process(process.pid))

        errand.stop()
        assert process.stdout.readline() == "told\n"
        errand.stop()

        said, _ = process.communicate()
    assert said == ""


def test_a_plan_that_another_run_has_made_untrue_is_not_sent(
    run: Run, opened: Upload, tmp_path: Path
) -> None:
    """Somebody sent two of the three between the press and the start of its process."""
    send = pressed(opened)
    assert run.invite(write_input(tmp_path, people(2))) == 0

    carry_out(send.folder, here)

    assert run.creates == 2
    assert send.state is SendState.NOT_BEGUN
    assert send.end is not None
    assert "no longer true" in send.end.sentence
    assert plan_of(opened, None).order.to_send == 1


def test_a_correction_after_the_plan_makes_it_another(run: Run, opened: Upload) -> None:
    send = pressed(opened)
    opened.take(Step(changes=(Change(2, 0, "Ann Lee", "Ann Li"),)))
    carry_out(send.folder, here)
    assert run.creates == 0
    assert send.state is SendState.NOT_BEGUN


def test_an_order_is_carried_out_once(run: Run, opened: Upload) -> None:
    send = pressed(opened)
    carry_out(send.folder, here)
    assert main(["desk-send", str(send.folder)]) == 2
    assert run.creates == 3


def test_a_press_for_a_plan_that_was_sent_sends_nothing(opened: Upload) -> None:
    """The back button, a second tab: the same plan, whose number is taken."""
    seen = plan_of(opened, None)
    write_json(pressed(opened).folder / "end.json", End(run_id="a-run", sentence="done"))
    with pytest.raises(NotSentError, match="sent already"):
        begin(opened, seen.order)
    again = plan_of(opened, None)
    assert again.order.number == seen.order.number + 1
    assert again.order.digest != seen.order.digest


def test_the_first_few_then_the_rest(run: Run, opened: Upload) -> None:
    first = pressed(opened, limit=1)
    carry_out(first.folder, here)
    assert run.creates == 1
    carry_out(pressed(opened).folder, here)
    assert run.creates == 3
    assert plan_of(opened, None).order.to_send == 0


def test_nothing_is_sent_before_a_doubt_is_answered(run: Run) -> None:
    """A bare `Description` may be of the person or of the position."""
    text = "Name,E-mail,Country,Description\nAnn Lee,a@example.com,SK,Night shifts\n"
    uploads = Uploads(run.folder / "desk")
    upload = uploads.new(NewFiles(candidates=("odd.csv", io.BytesIO(text.encode()))))
    upload.say(
        values={
            "candidate_resume": RESUME,
            "position_name": "Cook",
            "position_location": "London",
            "position_country_code": "GB",
            "mojito_language_code": "en",
        }
    )
    with closing(upload) as opened:
        seen = plan_of(opened, None)
        doubts = [doubt for doubt in seen.planned.doubts if doubt.holds]
        assert doubts
        assert (seen.order.to_send, seen.may_be_sent) == (1, False)
        carry_out(pressed(opened).folder, here)
        assert run.creates == 0
        upload.say(answered=[digest_of(doubt) for doubt in doubts])
        assert plan_of(opened, None).may_be_sent
        carry_out(pressed(opened).folder, here)
        assert run.creates == 1


def test_a_send_whose_process_is_gone_is_broken_off(opened: Upload) -> None:
    send = pressed(opened)
    assert send.state is SendState.BROKEN_OFF
    (send.folder / "send.owner").write_text("elsewhere|1|0.0", encoding="utf-8")
    assert latest_of(opened) == send


def test_progress_has_counts_and_no_person(opened: Upload) -> None:
    send = pressed(opened)
    carry_out(send.folder, here)
    said = json.loads((send.folder / "progress.json").read_text(encoding="utf-8"))
    assert said["total"] == 3
    for file in send.folder.iterdir():
        assert "example.com" not in file.read_text(encoding="utf-8")
    assert Upload(send.folder.parent.parent) == opened
