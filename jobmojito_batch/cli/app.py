"""The commands."""

import asyncio
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from jobmojito_batch.cli import options as opt
from jobmojito_batch.cli import through_prefect
from jobmojito_batch.cli.alerting import failures_told, prefect_away, tell_alerts
from jobmojito_batch.cli.attend import Person, tell_ending, write_mapping
from jobmojito_batch.cli.demo import run_demo
from jobmojito_batch.cli.doctor import show_doctor
from jobmojito_batch.cli.look import show_status
from jobmojito_batch.cli.mend import forget_person, reconcile_ledger
from jobmojito_batch.cli.nightly import serve_flow, set_up
from jobmojito_batch.cli.plan_view import plan_json, plan_lines
from jobmojito_batch.cli.talk import STOPPED, USAGE, is_interactive, out, print_json, say, told
from jobmojito_batch.errors import BatchError, PrefectAwayError, SettingsError
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import (
    Conclusion,
    Prepared,
    prepare_taken,
    run,
    settings_for,
    taking,
    targets_again,
    write_again,
)
from jobmojito_batch.pipeline.broken_pipes import console_may_break
from jobmojito_batch.plan import Kind
from jobmojito_batch.publish import write_template
from jobmojito_batch.sandbox import load_scenario
from jobmojito_batch.sandbox import serve as serve_sandbox
from jobmojito_batch.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Invites a spreadsheet of candidates to JobMojito interviews: each person once, every row "
    "with an outcome. Settings: JOBMOJITO_… variables, see README.",
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
    return run_demo(folder, use_prefect=prefect is not False)


@app.command()
@told
def check(
    inputs: opt.Inputs,
    results: opt.Results = None,
    errors: opt.Errors = None,
    summary: opt.Summary = None,
    fills: opt.Set = None,
    maps: opt.Map = None,
    mapping: opt.MappingFile = None,
    save_mapping: opt.SaveMapping = None,
    sheet: opt.Sheet = None,
    resumes: opt.Resumes = None,
    expect_at_most: opt.ExpectAtMost = None,
    limit: opt.Limit = None,
    max_credits: opt.MaxCredits = None,
    rate: opt.Rate = None,
    max_in_flight: opt.MaxInFlight = None,
    base_url: opt.BaseUrl = None,
    environment: opt.Environment = None,
    ledger: opt.LedgerUrl = None,
    inbox: opt.Inbox = False,
    time_zone: opt.TimeZone = None,
    json: opt.Json = False,
) -> int:
    """Read, normalise, validate, plan; show what `invite` would do and cost. Sends nothing."""
    parameters = opt.parameters_of(
        inputs, results, errors, summary, fills, maps, mapping, sheet, resumes, environment, ledger,
        base_url, rate, max_in_flight, limit, max_credits, expect_at_most, inbox,
        time_zone=time_zone, settle=True,
    )  # fmt: skip
    return _check(parameters, as_json=json, save_mapping=save_mapping)


@app.command()
@told
def invite(
    inputs: opt.Inputs,
    results: opt.Results = None,
    errors: opt.Errors = None,
    summary: opt.Summary = None,
    fills: opt.Set = None,
    maps: opt.Map = None,
    mapping: opt.MappingFile = None,
    save_mapping: opt.SaveMapping = None,
    sheet: opt.Sheet = None,
    resumes: opt.Resumes = None,
    expect_at_most: opt.ExpectAtMost = None,
    limit: opt.Limit = None,
    max_credits: opt.MaxCredits = None,
    rate: opt.Rate = None,
    max_in_flight: opt.MaxInFlight = None,
    base_url: opt.BaseUrl = None,
    environment: opt.Environment = None,
    ledger: opt.LedgerUrl = None,
    inbox: opt.Inbox = False,
    results_folder: opt.ResultsFolder = None,
    keep_days: opt.KeepDays = None,
    time_zone: opt.TimeZone = None,
    shards: opt.Shards = None,
    shard_folder: opt.ShardFolder = None,
    no_volume_guard: opt.NoVolumeGuard = False,
    no_settle: opt.NoSettle = False,
    prefect: opt.Prefect = None,
    yes: opt.Yes = False,
    dry_run: opt.DryRun = False,
    json: opt.Json = False,
) -> int:
    """The main job: invite every candidate of the inputs once."""
    person = Person(asks=not yes, save_mapping=save_mapping)
    with failures_told(person, inputs):
        parameters = opt.parameters_of(
            inputs, results, errors, summary, fills, maps, mapping, sheet, resumes, environment,
            ledger, base_url, rate, max_in_flight, limit, max_credits, expect_at_most, inbox,
            results_folder, keep_days, time_zone, settle=not no_settle,
            volume_guard=not no_volume_guard, shards=shards, shard_folder=shard_folder,
        )  # fmt: skip
        if dry_run:
            return _check(parameters, as_json=json, save_mapping=save_mapping)
        if not yes and not is_interactive():
            raise SettingsError(
                "nobody can be asked here (standard input is no terminal): look at the plan with "
                "`check`, then say --yes"
            )
        return _invite(parameters, person, prefect=prefect, as_json=json)


@app.command()
@told
def serve(
    inputs: opt.Inputs,
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
            help="Of --cron, such as Europe/Bratislava. Default: UTC.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The deployment's name in Prefect.")] = "nightly",
    results: opt.Results = None,
    errors: opt.Errors = None,
    summary: opt.Summary = None,
    fills: opt.Set = None,
    maps: opt.Map = None,
    mapping: opt.MappingFile = None,
    sheet: opt.Sheet = None,
    resumes: opt.Resumes = None,
    expect_at_most: opt.ExpectAtMost = None,
    limit: opt.Limit = None,
    max_credits: opt.MaxCredits = None,
    rate: opt.Rate = None,
    max_in_flight: opt.MaxInFlight = None,
    base_url: opt.BaseUrl = None,
    environment: opt.Environment = None,
    ledger: opt.LedgerUrl = None,
    inbox: opt.Inbox = False,
    results_folder: opt.ResultsFolder = None,
    keep_days: opt.KeepDays = None,
    shards: opt.Shards = None,
    shard_folder: opt.ShardFolder = None,
    no_volume_guard: opt.NoVolumeGuard = False,
    no_settle: opt.NoSettle = False,
) -> int:
    """Run the nightly deployment on this machine until stopped; without --cron, by hand only."""
    parameters = opt.parameters_of(
        inputs, results, errors, summary, fills, maps, mapping, sheet, resumes, environment, ledger,
        base_url, rate, max_in_flight, limit, max_credits, expect_at_most, inbox, results_folder,
        keep_days, timezone, settle=not no_settle, volume_guard=not no_volume_guard,
        shards=shards, shard_folder=shard_folder,
    )  # fmt: skip
    return serve_flow(parameters, name=name, cron=cron, time_zone=timezone)


@app.command()
@told
def setup(
    pool: Annotated[str, typer.Option(help="The work pool of prefect.yaml.")] = "jobmojito",
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
) -> int:
    """Make in Prefect what the night needs: work pool, blocks, automations; run it at will."""
    return set_up(load_settings(), pool=pool, notify=notify, with_token=with_token)


@app.command()
@told
def reconcile(
    rate: opt.Rate = None,
    base_url: opt.BaseUrl = None,
    environment: opt.Environment = None,
    ledger: opt.LedgerUrl = None,
    json: opt.Json = False,
) -> int:
    """Settle unknown invitations by looking them up; sends nothing."""
    settings = load_settings(
        base_url=base_url, environment=environment, ledger=ledger, requests_per_second=rate
    )
    return reconcile_ledger(settings, as_json=json)


@app.command()
@told
def doctor(
    base_url: opt.BaseUrl = None,
    environment: opt.Environment = None,
    ledger: opt.LedgerUrl = None,
    json: opt.Json = False,
) -> int:
    """Token, API, balance, ledger, Prefect: one line each, and what to do about each fault."""
    settings = load_settings(base_url=base_url, environment=environment, ledger=ledger)
    return show_doctor(settings, as_json=json)


@app.command()
@told
def forget(
    email: Annotated[str, typer.Argument(help="The person's e-mail address.")],
    ledger: opt.LedgerUrl = None,
    yes: opt.Yes = False,
) -> int:
    """Erase a person from the ledger; a keyed hash stays, so that they are not invited twice."""
    if not yes and not is_interactive():
        raise SettingsError("nobody can be asked here (standard input is no terminal): say --yes")
    return forget_person(load_settings(ledger=ledger), email.strip(), asks=not yes)


@app.command()
@told
def status(
    ledger: opt.LedgerUrl = None,
    json: opt.Json = False,
) -> int:
    """Runs so far and invitations by outcome, from the ledger."""
    show_status(load_settings(ledger=ledger), as_json=json)
    return 0


@app.command()
@told
def results(
    run_id: Annotated[
        str,
        typer.Argument(
            metavar="RUN_ID", help="The run's id as `status` lists it, or a beginning of it alone."
        ),
    ],
    results: opt.Results = None,
    errors: opt.Errors = None,
    summary: opt.Summary = None,
    ledger: opt.LedgerUrl = None,
    json: opt.Json = False,
) -> int:
    """Write a run's results, errors and summary again, from the ledger; into this folder, or -o."""
    settings = load_settings(ledger=ledger)
    book = Ledger.open_existing(settings.ledger_url)
    if book is None:
        raise BatchError("there is no ledger yet; nothing was ever sent from here")
    try:
        book.settle_orphans()
        written = write_again(book, run_id, targets_again(run_id, results, errors, summary))
    finally:
        book.close()
    if json:
        print_json(written)
    for name, path in written["files"].items():
        if path is not None:
            say(f"{name:<12}  {path}")
    if written["files"]["errors"] is not None:
        say("note          the ledger keeps no résumés: those cells are blank in the errors file")
    return 0


@app.command()
@told
def template(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new .xlsx or .csv file.")],
) -> int:
    """Write an empty spreadsheet: every column, its meaning, allowed values, two example rows."""
    write_template(file)
    say(f"{file}: two example rows to replace; `jobmojito-batch check {file}` reads it")
    return 0


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
    serve_sandbox(
        port=port,
        scenario=load_scenario(scenario, seed=seed, latency=latency),
        log_path=log,
        on_ready=lambda url: say(f"sandbox       {url}   (JOBMOJITO_BASE_URL; Ctrl-C ends it)"),
    )
    return 0


def _check(parameters: InviteParameters, *, as_json: bool, save_mapping: Path | None) -> int:
    taken = taking(parameters, will_send=False)
    try:
        prepared = prepare_taken(taken, is_attended=True)
        if isinstance(prepared, Conclusion):
            if as_json:
                print_json(prepared.summary)
            else:
                out().print(prepared.sentence, markup=False)
            return 0
        return _show_plan(prepared, as_json=as_json, save_mapping=save_mapping)
    finally:
        taken.close()


def _show_plan(prepared: Prepared, *, as_json: bool, save_mapping: Path | None) -> int:
    try:
        if save_mapping is not None:
            write_mapping(save_mapping, prepared)
        if as_json:
            print_json(plan_json(prepared))
        else:
            for line in plan_lines(prepared, quotes_cells=True):
                out().print(line, markup=False)
    finally:
        prepared.close()
    counts = prepared.plan.counts
    if counts[Kind.UNKNOWN]:
        return 3
    return 1 if counts[Kind.INVALID] or any(doubt.holds for doubt in prepared.doubts) else 0


def _invite(
    parameters: InviteParameters, person: Person, *, prefect: bool | None, as_json: bool
) -> int:
    settings = settings_for(parameters)  # what makes no sense ends before Prefect is bothered
    try:
        with person.bar(), console_may_break():
            if not _went_through_prefect(parameters, person, prefect):
                try:
                    asyncio.run(run(parameters, person))
                finally:  # the flow tells its alerts itself
                    tell_alerts(person, settings)
    except BatchError as exc:
        person.error = exc
    return ended(person, as_json=as_json)


def _went_through_prefect(
    parameters: InviteParameters, person: Person, prefect: bool | None
) -> bool:
    """
    Whether the run took place through Prefect: as asked, else where an API is configured.

    A night is not lost for a page that shows it: where nobody asked for it, nobody is asked, and
    Prefect takes no run, there is none yet, and a note of that. Raises BatchError.
    """
    if prefect is False:
        return False
    try:
        if prefect is None and not through_prefect.is_configured():
            return False
        if prefect is None and not person.confirms:
            through_prefect.check_reachable()
        asyncio.run(through_prefect.run_flow(parameters, person))
    except PrefectAwayError as exc:
        if prefect or person.confirms:
            raise
        alert = prefect_away(exc, parameters.inputs)
        say(f"warning       {alert.sentence}")
        person.notes.append(alert)
        return False
    return True


def ended(person: Person, *, as_json: bool = False) -> int:
    """
    Tell the ending of a run and give its exit code.

    An error after the first claim is a stop: 2 would say that nothing was sent.
    """
    if person.error is not None and not (person.has_begun and isinstance(person.error, BatchError)):
        raise person.error
    if person.error is not None:
        say(
            f"jobmojito-batch: {person.error}\nthe run stopped there: what was under way reads as "
            "unknown and is settled by the next run; run the same command again"
        )
        return STOPPED
    conclusion: Conclusion | None = person.conclusion
    if conclusion is None:
        say("nothing was sent")
        return USAGE
    tell_ending(conclusion)
    if as_json:
        print_json(conclusion.summary)
    return conclusion.exit_code
