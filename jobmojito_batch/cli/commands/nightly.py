"""What runs the nights, through Prefect."""

from typing import Annotated

import typer

from jobmojito_batch.cli import options as opt
from jobmojito_batch.cli.console import told
from jobmojito_batch.cli.model_options import takes
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.settings import load_settings

app = typer.Typer()


@app.command()
@told
@takes(InviteParameters, opt.parameters_of, but=("time_zone",))
def serve(
    parameters: InviteParameters,
    *,
    cron: Annotated[
        str | None,
        typer.Option(metavar="CRON", help='When to run: "30 3 * * *" is each night at 03:30.'),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            "--timezone",
            "--time-zone",
            metavar="ZONE",
            help="Of --cron and of {date}, such as Europe/Bratislava. Default: UTC.",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="The deployment's name in Prefect.")
    ] = "nightly",
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    _metrics: opt.Metrics = None,
) -> int:
    """Run the nightly deployment on this machine until stopped; without --cron, by hand only."""
    from jobmojito_batch.cli.serve import serve_flow

    in_zone = parameters.model_copy(update={"time_zone": timezone})
    return serve_flow(in_zone, name=name, cron=cron)


@app.command()
@told
def setup(
    pool: opt.Pool = "jobmojito",
    notify: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where alerts go: a web address that takes JSON with a text (Slack, Mattermost), "
            "or an apprise URL such as mailtos://user:password@host?to=…",
        ),
    ] = None,
    with_token: Annotated[
        bool,
        typer.Option(
            "--with-token", help="Keep the API token of the environment in a Prefect Secret block."
        ),
    ] = False,
    _env_file: opt.EnvFile = None,
) -> int:
    """Make in Prefect what the night needs: work pool, blocks, automations; run it at will."""
    from jobmojito_batch.cli.serve import set_up

    return set_up(load_settings(), pool=pool, notify=notify, with_token=with_token)


@app.command()
@told
def worker(
    pool: opt.Pool = "jobmojito",
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="So many runs at once on this machine.")
    ] = None,
    health: Annotated[
        bool,
        typer.Option(
            "--health",
            help="Answer on port 8080 at /health while it polls (PREFECT_WORKER_WEBSERVER_HOST, "
            "…_PORT).",
        ),
    ] = False,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    _metrics: opt.Metrics = None,
) -> int:
    """A process worker for prefect.yaml's deployments, whose runs drain when it is stopped."""
    from jobmojito_batch.cli.worker import run_worker

    return run_worker(pool, limit=limit, tells_health=health)


@app.command()
@told
def drain(
    pool: opt.Pool = "jobmojito",
    wait: Annotated[
        float | None,
        typer.Option(min=0, metavar="S", help="At most so many seconds; then exit code 4."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Let runs start again.")] = False,
    _env_file: opt.EnvFile = None,
) -> int:
    """Pause a work pool and wait until none of its runs goes on, as before an upgrade."""
    from jobmojito_batch.cli.worker import drain_pool

    return drain_pool(pool, wait_seconds=wait, resumes=resume)
