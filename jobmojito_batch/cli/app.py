"""The commands. Each loads what it needs when it is called, so that `--help` answers at once."""

from contextlib import nullcontext
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from jobmojito_batch.cli import options as opt
from jobmojito_batch.cli.console import is_interactive, out, say, told
from jobmojito_batch.cli.model_options import takes
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.parameters import FollowUpParameters, InviteParameters, LettersParameters
from jobmojito_batch.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Invites a spreadsheet of candidates to JobMojito interviews: each person once, every row "
    "with an outcome. Settings: JOBMOJITO_… variables or a .env file, see README.",
)


def _version(value: bool) -> None:
    if value:
        out().print(metadata.version("jobmojito-batch"))
        raise typer.Exit


@app.callback()
def root(
    _version_: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="The program's version."),
    ] = False,
) -> None:
    """Options of the program as a whole."""


@app.command()
@told
def demo(
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the files of the demo go.")
    ] = Path("demo-output"),
    prefect: opt.Prefect = None,
) -> int:
    """Start the sandbox, run the main job on the sample file, show where the results are."""
    from jobmojito_batch.cli.demo import run_demo

    return run_demo(folder, use_prefect=prefect is not False)


@app.command()
@told
@takes(InviteParameters, opt.parameters_of, but=opt.SENDING)
def check(
    parameters: InviteParameters,
    *,
    save_mapping: opt.SaveMapping = None,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    json: opt.Json = False,
) -> int:
    """Read, normalise, validate, plan; show what `invite` would do and cost. Sends nothing."""
    from jobmojito_batch.cli.check import check_inputs

    return check_inputs(parameters, as_json=json, save_mapping=save_mapping)


@app.command()
@told
@takes(InviteParameters, opt.parameters_or_alert)
def invite(
    parameters: InviteParameters,
    *,
    save_mapping: opt.SaveMapping = None,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    _metrics: opt.Metrics = None,
    prefect: opt.Prefect = None,
    yes: opt.Yes = False,
    rehearse: opt.Rehearse = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
) -> int:
    """The main job: invite every candidate of the inputs once."""
    from jobmojito_batch.cli.alerting import failures_told
    from jobmojito_batch.cli.check import check_inputs
    from jobmojito_batch.cli.invite import invite_inputs, rehearse_inputs
    from jobmojito_batch.cli.observer import ConsoleObserver

    person = ConsoleObserver(asks=not yes, saves=save_mapping)
    person.asked = parameters
    with nullcontext() if rehearse else failures_told(person, parameters.inputs):
        if dry_run:
            return check_inputs(parameters, as_json=json, save_mapping=save_mapping)
        if not yes and not is_interactive():
            raise SettingsError(
                "nobody can be asked here (standard input is no terminal): look at the plan with "
                "`check`, then say --yes"
            )
        if parameters.retry_until is not None and not yes:
            raise SettingsError(
                "--retry-until: is for a run that nobody watches: say --yes, or leave it out"
            )
        if rehearse:
            return rehearse_inputs(parameters, person, prefect=prefect, as_json=json)
        return invite_inputs(parameters, person, prefect=prefect, as_json=json)


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


@app.command()
@told
def backup(
    target: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A file or a folder. Default: the current folder."),
    ] = None,
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
) -> int:
    """Copy the ledger while others use it; the copy is checked. For PostgreSQL, say how."""
    from jobmojito_batch.cli.backup import back_up_ledger

    return back_up_ledger(load_settings(ledger=ledger), target)


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
def reconcile(
    rate: opt.Rate = None,
    base_url: opt.BaseUrl = None,
    environment: opt.Environment = None,
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    _metrics: opt.Metrics = None,
    json: opt.Json = False,
) -> int:
    """Settle unknown invitations by looking them up; sends nothing."""
    from jobmojito_batch.cli.reconcile import reconcile_ledger

    settings = load_settings(
        base_url=base_url, environment=environment, ledger=ledger, requests_per_second=rate
    )
    return reconcile_ledger(settings, as_json=json)


@app.command()
@told
@takes(LettersParameters, opt.letters_parameters_of)
def letters(
    parameters: LettersParameters,
    *,
    write_templates: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the program's texts there, to be changed for --templates; nothing else.",
        ),
    ] = None,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    yes: opt.Yes = False,
    json: opt.Json = False,
) -> int:
    """Draft or send what candidates are to be told, once each."""
    from jobmojito_batch.cli.letters import give_templates, letters_of

    if write_templates is not None:
        return give_templates(write_templates, as_json=json)
    if parameters.to is None and not parameters.send:
        raise SettingsError("say where the drafts go (--to FOLDER), or --send to post the letters")
    if parameters.send and not yes and not is_interactive():
        raise SettingsError(
            "--send: nobody can be asked here (standard input is no terminal): look at drafts with "
            "--to FOLDER, then say --yes"
        )
    return letters_of(parameters, asks=not yes, as_json=json)


@app.command()
@told
def doctor(
    base_url: opt.BaseUrl = None,
    environment: opt.Environment = None,
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    json: opt.Json = False,
) -> int:
    """Token, API, balance, ledger, Prefect: one line each, and what to do about each fault."""
    from jobmojito_batch.cli.doctor import show_doctor

    settings = load_settings(base_url=base_url, environment=environment, ledger=ledger)
    return show_doctor(settings, as_json=json)


@app.command()
@told
def forget(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    yes: opt.Yes = False,
) -> int:
    """Erase a person from the ledger; a keyed hash stays, so that they are not invited twice."""
    from jobmojito_batch.cli.reconcile import forget_person

    if not yes and not is_interactive():
        raise SettingsError("nobody can be asked here (standard input is no terminal): say --yes")
    return forget_person(load_settings(ledger=ledger), email.strip(), asks=not yes)


@app.command()
@told
def status(
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    json: opt.Json = False,
    nights: Annotated[
        bool, typer.Option("--nights", help="The latest runs one in a line: rows, cost, time.")
    ] = False,
) -> int:
    """Runs so far and invitations by outcome, from the ledger."""
    if nights:
        from jobmojito_batch.cli.nights_view import show_nights

        return show_nights(load_settings(ledger=ledger), as_json=json)
    from jobmojito_batch.cli.status import show_status

    show_status(load_settings(ledger=ledger), as_json=json)
    return ExitCode.OK


@app.command()
@told
def desk(
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="0 takes a free one.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address alone; open nothing.")
    ] = False,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
) -> int:
    """A page on this machine: upload, columns, faults, cost, send, results."""
    from jobmojito_batch.cli.desk import serve_desk

    return serve_desk(port, opens_browser=not no_browser)


@app.command("desk-send", hidden=True)
@told
def desk_send(folder: Path, _env_file: opt.EnvFile = None, _log_json: opt.LogJson = None) -> int:
    """What pressing Send at the desk starts."""
    from jobmojito_batch.cli.desk import carry_out_send

    return carry_out_send(folder)


@app.command()
@told
def person(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    show_link: Annotated[
        bool, typer.Option("--show-link", help="Show the link, which opens the interview.")
    ] = False,
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Everything that is stored, the link included, as JSON."),
    ] = False,
) -> int:
    """What the ledger knows of somebody: positions, when, outcome, stage. Nothing is an answer."""
    from jobmojito_batch.cli.person import show_person

    return show_person(load_settings(ledger=ledger), email, shows_link=show_link, as_json=json)


@app.command()
@told
def results(
    run_id: Annotated[
        str,
        typer.Argument(
            metavar="RUN_ID",
            help="The run's id as `status` lists it, or a beginning of it alone; `last` is the "
            "newest.",
        ),
    ],
    results: opt.Results = None,
    errors: opt.Errors = None,
    summary: opt.Summary = None,
    ledger: opt.LedgerUrl = None,
    _env_file: opt.EnvFile = None,
    json: opt.Json = False,
) -> int:
    """Write a run's results, errors and summary again, from the ledger; into this folder, or -o."""
    from jobmojito_batch.cli.results import show_results
    from jobmojito_batch.pipeline import AskedFiles

    settings = load_settings(ledger=ledger)
    asked = AskedFiles(results=results, errors=errors, summary=summary)
    return show_results(settings, run_id, asked, as_json=json)


@app.command()
@told
def template(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new .xlsx or .csv file.")],
) -> int:
    """Write an empty spreadsheet: every column, its meaning, allowed values, two example rows."""
    from jobmojito_batch.publish import write_template

    write_template(file)
    say(f"{file}: two example rows to replace; `jobmojito-batch check {file}` reads it")
    return ExitCode.OK


@app.command()
@told
@takes(FollowUpParameters, opt.followup_parameters_of)
def followup(
    parameters: FollowUpParameters,
    *,
    _env_file: opt.EnvFile = None,
    _log_json: opt.LogJson = None,
    yes: opt.Yes = False,
    json: opt.Json = False,
) -> int:
    """Who started, finished, was scored, was decided, beside the rows; costs nothing."""
    from jobmojito_batch.cli.followup import follow_up_inputs

    if parameters.reports is not None and not yes and not is_interactive():
        raise SettingsError(
            "--reports: a report may cost credits, and nobody can be asked here (standard input is "
            "no terminal): say --yes"
        )
    return follow_up_inputs(parameters, asks=not yes, as_json=json)


@app.command()
@told
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8700,
    latency: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Seconds that a call takes.")
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Faults and settings, TOML.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Decides who is accepted.")] = None,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Every request, JSON lines.")
    ] = None,
) -> int:
    """The stand-in API on this machine, for rehearsals and tests."""
    from jobmojito_batch.sandbox import load_scenario, serve

    serve(
        port=port,
        scenario=load_scenario(scenario, seed=seed, latency=latency),
        log_path=log,
        on_ready=lambda url: say(f"sandbox       {url}   (JOBMOJITO_BASE_URL; Ctrl-C ends it)"),
    )
    return ExitCode.OK


@app.command()
@told
def prove(
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="So many lives.")] = 1000,
    first: Annotated[
        int, typer.Option("--from", min=0, metavar="S", help="The first seed; others follow it.")
    ] = 0,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="S", help="Play this one life again, and tell it in lines."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes side by side. Default: all cores."),
    ] = None,
    json: opt.Json = False,
) -> int:
    """Live thousands of runs with a simulated clock, network and API; nobody is sent twice."""
    from jobmojito_batch.cli.prove import default_jobs, prove_lives, tell_life

    if seed is not None:
        return tell_life(seed, as_json=json)
    lives = range(first, first + seeds)
    return prove_lives(lives, jobs=min(jobs or default_jobs(), seeds), as_json=json)
