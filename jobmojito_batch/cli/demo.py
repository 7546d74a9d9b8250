"""`demo`: the whole main job on the sample file, against the sandbox, without an account."""

import asyncio
import os
from importlib import resources
from pathlib import Path
from typing import Final

from jobmojito_batch.cli import through_prefect
from jobmojito_batch.cli.attend import Person, tell_ending
from jobmojito_batch.cli.talk import say
from jobmojito_batch.errors import BatchError, InputError, SettingsError
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import run
from jobmojito_batch.sandbox import RunningSandbox

SAMPLE: Final = "candidates.csv"
DEMO_RATE: Final = 20.0


def run_demo(folder: Path, *, use_prefect: bool) -> int:
    """Run it twice: the first run invites, the second finds everything done."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("ledger.sqlite*"):
        old.unlink()  # the sandbox is new each time, so is what was sent to it
    os.environ["JOBMOJITO_API_TOKEN"] = "demo"  # noqa: S105 - the sandbox takes any
    for other in ("JOBMOJITO_API_TOKEN_FILE", "JOBMOJITO_API_TOKEN_COMMAND"):
        os.environ.pop(other, None)
    with RunningSandbox() as sandbox:
        say(f"sandbox       {sandbox.base_url}, a stand-in for the API on this machine\n")
        parameters = _parameters(folder, sandbox.base_url)
        first = Person(asks=False)
        with first.bar():
            flow_run_id = _run(parameters, first, use_prefect=use_prefect)
        if first.error is not None:
            raise first.error
        if first.conclusion is None:
            raise BatchError("the demo ended without a result; please report this")
        tell_ending(first.conclusion)
        say("\nthe same file again, as after a crash or by mistake:")
        second = Person(asks=False)
        asyncio.run(run(_parameters(folder, sandbox.base_url, second=True), second))
        if second.conclusion is not None:
            say(f"\n{second.conclusion.sentence}")
            say(f"calls made    {second.conclusion.summary['calls']}")
    say(f"\nopen          {folder / 'candidates.results.xlsx'}")
    if flow_run_id is not None:
        say(
            "in the UI     run `prefect server start`, then open http://127.0.0.1:"
            f"{through_prefect.UI_PORT}/runs/flow-run/{flow_run_id}"
        )
    return 0


def _run(parameters: InviteParameters, person: Person, *, use_prefect: bool) -> str | None:
    """Through the flow on Prefect's embedded server; directly where that does not come up."""
    if use_prefect:
        through_prefect.prepare_embedded_server()
        say("starting Prefect's embedded server for this run (some seconds) …")
        try:
            return asyncio.run(through_prefect.run_flow(parameters, person, may_embed=True))
        except SettingsError as exc:
            if person.has_begun:
                raise
            say(f"{exc}; running directly")
    asyncio.run(run(parameters, person))
    return None


def _parameters(folder: Path, base_url: str, *, second: bool = False) -> InviteParameters:
    name = "second-run" if second else "candidates"
    return InviteParameters(
        inputs=[str(_sample())],
        results=str(folder / f"{name}.results.xlsx"),
        ledger=str(folder / "ledger.sqlite"),
        base_url=base_url,
        environment="demo",
        rate=DEMO_RATE,
    )


def _sample() -> Path:
    """The sample file: beside the package in a checkout, inside it where installed."""
    packaged = Path(str(resources.files("jobmojito_batch"))) / "samples" / SAMPLE
    checkout = Path(str(resources.files("jobmojito_batch"))).parent / "data" / "samples" / SAMPLE
    for path in (checkout, packaged):
        if path.exists():
            return path
    raise InputError(f"the sample file {SAMPLE} is not installed; get it from the repository")
