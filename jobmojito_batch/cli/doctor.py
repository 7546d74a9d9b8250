"""`doctor`: what a run needs, one line each, and what to do about what is missing."""

import asyncio
from collections.abc import Iterator, Sequence

from jobmojito_batch.cli import prefect_runner
from jobmojito_batch.cli.console import out, print_json
from jobmojito_batch.cli.doctor_account import Line, account_lines
from jobmojito_batch.cli.next_steps import command
from jobmojito_batch.env_files import Origin, own_path
from jobmojito_batch.errors import BatchError, PrefectAwayError
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.ledger import Ledger
from jobmojito_batch.notify import understood
from jobmojito_batch.pipeline.letters import try_mail_server
from jobmojito_batch.settings import Settings, Sources, settings_sources


def examine(settings: Settings) -> list[Line]:
    """Every line, the faults too; raises nothing for what it finds."""
    lines: list[Line] = list(_settings_lines(settings_sources()))
    lines += account_lines(settings)
    lines.append(_ledger_line(settings))
    lines += _prefect_lines()
    lines += _alerts_lines(settings)
    lines += _mail_lines(settings)
    return lines


def show_doctor(settings: Settings, *, as_json: bool) -> int:
    """Print the lines; 1 where something is at fault."""
    lines = examine(settings)
    if as_json:
        print_json(
            {"schema_version": 1, "checks": [
                {"check": line.what, "state": line.state, "message": line.says} for line in lines
            ]}
        )  # fmt: skip
    else:
        for line in lines:
            out().print(f"{line.state:<8} {line.what:<8} {line.says}", markup=False)
    has_faults = any(line.state == "fault" for line in lines)
    return ExitCode.NEEDS_REPAIR if has_faults else ExitCode.OK


def _settings_lines(sources: Sources) -> Iterator[Line]:
    """Where settings come from: variables by name, never a value; and what is not taken."""
    if sources.environment:
        yield _settings_line("the environment", sources.environment)
    for file in sources.files:
        names = [name for name, source in sources.taken.items() if source is file]
        if file.distrust is None:
            yield _settings_line(f"{file.path} ({file.origin})", names)
        if file.notice is not None:
            yield Line(what="settings", state="warning", says=file.notice)
        if file.origin is not Origin.HERE and file.laxity is not None:
            says = f"{file.path}: {file.laxity}, and it may hold a token; chmod 600 it"
            yield Line(what="settings", state="warning", says=says)
    if own_path() not in {file.path for file in sources.files}:
        yield Line(what="settings", state="ok", says=f"{own_path()} is not there; it takes them")


def _settings_line(place: str, names: Sequence[str]) -> Line:
    return Line(what="settings", state="ok", says=f"{place}: {', '.join(names) or 'nothing taken'}")


def _ledger_line(settings: Settings) -> Line:
    try:
        ledger = Ledger.open(settings.ledger_url)
        try:
            ledger.runs.settle_orphans()
            unknown = sum(not doubt.is_held for doubt in ledger.doubts.all())
        finally:
            ledger.close()
    except BatchError as exc:
        return Line(what="ledger", state="fault", says=str(exc))
    if unknown:
        what = "1 invitation is" if unknown == 1 else f"{unknown} invitations are"
        says = f"writable; {what} unknown: `{command('reconcile')}`"
        return Line(what="ledger", state="warning", says=says)
    return Line(what="ledger", state="ok", says="writable")


def _alerts_lines(settings: Settings) -> Iterator[Line]:
    """Only where somebody wants alerts; an address is a password, so it is named by its place."""
    channels = understood(settings)
    if not channels:
        return
    odd = [f"{place}" for place, is_one in enumerate(channels, start=1) if not is_one]
    if odd:
        says = (
            f"address {', '.join(odd)} of {len(channels)} in JOBMOJITO_NOTIFY is not understood; "
            "write it as apprise does, such as mailtos://user:password@host?to=somebody@host"
        )
        yield Line(what="alerts", state="fault", says=says)
        return
    says = f"{len(channels)} channel{'s' if len(channels) > 1 else ''}; nothing was sent to try"
    yield Line(what="alerts", state="ok", says=says)


def _mail_lines(settings: Settings) -> Iterator[Line]:
    """Only where letters would be posted; the address is a secret, so nothing of it is shown."""
    if settings.smtp_url is None:
        return
    try:
        sender = asyncio.run(try_mail_server(settings))
    except BatchError as exc:
        yield Line(what="mail", state="fault", says=str(exc))
        return
    says = f"the mail server lets us in; letters are from {sender.address}. None was sent to try"
    yield Line(what="mail", state="ok", says=says)


def _prefect_lines() -> Iterator[Line]:
    """Whether the API answers, and whether what is scheduled there will start."""
    try:
        is_configured = prefect_runner.is_configured()
    except PrefectAwayError as exc:
        yield Line(what="Prefect", state="fault", says=f"not looked at: {exc.why}")
        return
    if not is_configured:
        yield Line(what="Prefect", state="ok", says="not configured; runs go without it")
        return
    address = prefect_runner.address()
    if not prefect_runner.is_reachable():
        yield Line(
            what="Prefect",
            state="fault",
            says=f"{address} does not answer; start it (`prefect server start`) or say "
            "--no-prefect",
        )
        return
    yield Line(what="Prefect", state="ok", says=f"{address} answers")
    for standing in prefect_runner.standings():
        yield Line(what=standing.what, state=standing.state, says=standing.says)
