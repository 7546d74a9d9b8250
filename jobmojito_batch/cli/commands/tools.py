"""What is beside the job: trying it, the page, the stand-in, the proof."""

from pathlib import Path
from typing import Annotated

import typer

from jobmojito_batch.cli import options as opt
from jobmojito_batch.cli.console import say, told
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.settings import load_settings

app = typer.Typer()


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
