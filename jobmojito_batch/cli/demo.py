"""`demo`: a person's way through the program on the sample file, without an account."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Final

from jobmojito_batch.cli import prefect_runner
from jobmojito_batch.cli.console import say, say_as_is
from jobmojito_batch.cli.next_steps import NextStep, command
from jobmojito_batch.cli.observer import ConsoleObserver
from jobmojito_batch.cli.rehearsal import token_for_stand_in
from jobmojito_batch.cli.telling import tell_ending, tell_next
from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import ReadyRun, RunResult, run_steps
from jobmojito_batch.sandbox import RunningSandbox

SAMPLE: Final = "candidates.csv"
DEMO_RATE: Final = 20.0
DEMO_LABEL: Final = "demo"
_DAYS_LATER: Final = timedelta(days=8)
_SENDER: Final = "Demo <demo@example.com>"


class _Onlooker(ConsoleObserver):
    """Somebody who has seen the plan, in the step before."""

    def __init__(self) -> None:
        super().__init__(asks=False, is_counted=False)

    def may_send(self, run: ReadyRun) -> bool:  # noqa: ARG002 - nobody is asked
        """Go on."""
        return True


def run_demo(folder: Path, *, use_prefect: bool) -> int:
    """Check, invite, the same again, follow up and write letters, against the sandbox."""
    _make_ready(folder)
    with RunningSandbox() as sandbox, _as_for_real(sandbox.base_url, folder):
        say(f"sandbox       {sandbox.base_url}, a stand-in for the API on this machine")
        sample = str(_sample())
        _step("what would happen, and cost", "check", sample)
        flow_run_id = _invite(folder, use_prefect=use_prefect)
        _invite_again(folder)
        sandbox.state.advance(_DAYS_LATER)
        _step("a week later: who came of it", *_followup(folder, sample))
        _step("what they are told, as drafts", *_letters(folder, sample))
    say(f"\nopen          {folder / 'candidates.results.xlsx'}")
    if flow_run_id is not None:
        say(
            "Prefect       `prefect server start`, then http://127.0.0.1:"
            f"{prefect_runner.UI_PORT}/runs/flow-run/{flow_run_id} shows the run"
        )
    tell_next(_what_can_be_tried(folder))
    return ExitCode.OK


def _make_ready(folder: Path) -> None:
    """A folder without a ledger: the sandbox is new each time, so is what was sent to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("ledger.sqlite*"):
            old.unlink()
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
        raise SettingsError(
            f"{folder}: the demo cannot write there ({why}); say --folder FOLDER, one of yours"
        ) from None


@contextmanager
def _as_for_real(base_url: str, folder: Path) -> Iterator[None]:
    """Settings of the environment meanwhile, so that the commands are those that a person types."""
    settings = {
        "JOBMOJITO_BASE_URL": base_url,
        "JOBMOJITO_LEDGER": str(_ledger(folder).absolute()),
        "JOBMOJITO_ENVIRONMENT": DEMO_LABEL,
        "JOBMOJITO_REQUESTS_PER_SECOND": f"{DEMO_RATE:g}",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        with token_for_stand_in():
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _step(what: str, *words: str) -> None:
    """Say what a step is for and how it is typed, and take it."""
    from jobmojito_batch.cli import main

    _tell_step(what, *words)
    main(words)


def _tell_step(what: str, *words: str) -> None:
    say(f"\n— {what}")
    say_as_is(f"$ {command(*words)}\n")


def _invite(folder: Path, *, use_prefect: bool) -> str | None:
    """The main job; gives the id of its run in Prefect."""
    _tell_step("everybody is invited", "invite", str(_sample()))
    parameters = _parameters(folder)
    first = _Onlooker()
    with first.bar():
        result, flow_run_id = _run(parameters, first, use_prefect=use_prefect)
    tell_ending(result.concluded)
    return flow_run_id


def _invite_again(folder: Path) -> None:
    say("\n— the same file again, as after a crash or by mistake")
    again = asyncio.run(run_steps(_parameters(folder, second=True), _Onlooker())).concluded
    say(f"{again.sentence}\ncalls made    {again.calls}")


def _followup(folder: Path, sample: str) -> list[str]:
    return ["followup", sample, "-o", str(folder / "candidates.followup.xlsx")]


def _letters(folder: Path, sample: str) -> list[str]:
    drafts = str(folder / "drafts")
    return ["letters", sample, "--to", drafts, "--replace", "--from", _SENDER]


def _what_can_be_tried(folder: Path) -> Iterator[NextStep]:
    """What works without the sandbox, which is gone by then."""
    ledger = ("--ledger", str(_ledger(folder)))
    template = str(folder / "mine.xlsx")
    yield NextStep(why="what the ledger remembers:", command=command("status", *ledger))
    yield NextStep(
        why="what it has of one of them:",
        command=command("person", "agnieszka.wroblik@example.com", *ledger),
    )
    yield NextStep(why="a file of your own:", command=command("template", template))
    yield NextStep(
        why="and that against a stand-in, with nothing spent:",
        command=command("invite", template, "--rehearse", "--yes"),
    )


def _run(
    parameters: InviteParameters, person: ConsoleObserver, *, use_prefect: bool
) -> tuple[RunResult, str | None]:
    """
    Through the flow on Prefect's embedded server; directly if that does not come up.

    Gives the flow run's id, too.
    """
    if use_prefect:
        prefect_runner.prepare_embedded_server()
        say("starting Prefect's embedded server for this run (some seconds) …")
        try:
            end = asyncio.run(prefect_runner.run_flow(parameters, person, may_embed=True))
        except SettingsError as exc:
            if person.has_begun:
                raise
            say(f"{exc}; running directly")
        else:
            return end.result, end.flow_run_id
    return asyncio.run(run_steps(parameters, person)), None


def _ledger(folder: Path) -> Path:
    return folder / "ledger.sqlite"


def _parameters(folder: Path, *, second: bool = False) -> InviteParameters:
    name = "second-run" if second else "candidates"
    return InviteParameters(inputs=[str(_sample())], results=str(folder / f"{name}.results.xlsx"))


def _sample() -> Path:
    """The sample file: beside the package in a checkout, inside it where installed."""
    packaged = Path(str(resources.files("jobmojito_batch"))) / "samples" / SAMPLE
    checkout = Path(str(resources.files("jobmojito_batch"))).parent / "data" / "samples" / SAMPLE
    for path in (checkout, packaged):
        if path.exists():
            return path
    raise InputError(f"the sample file {SAMPLE} is not installed; get it from the repository")
