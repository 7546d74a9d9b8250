"""What a person is told of what came of a run: counts, files, and what to do next."""

from collections.abc import Iterable
from pathlib import Path

from jobmojito_batch.cli.console import say, say_as_is
from jobmojito_batch.cli.mapping_file import save_mapping
from jobmojito_batch.cli.next_steps import NextStep, next_steps
from jobmojito_batch.parameters import InviteParameters
from jobmojito_batch.pipeline import Planned
from jobmojito_batch.summary import Files, LinkCounts, SettledCounts, Summary


def tell_saved(target: Path, planned: Planned, asked: InviteParameters | None) -> None:
    """Keep in *target* how the inputs were read, and say so. Raises what written_whole raises."""
    say(f"saved         {save_mapping(target, planned.inputs, asked or planned.parameters)}")


def tell_faulty(planned: Planned) -> None:
    """Write the rows to correct, and say how many. Raises what write_faulty raises."""
    from jobmojito_batch.pipeline import write_faulty

    rows, kept = write_faulty(planned)
    path = planned.targets.errors
    _tell_kept(kept)
    if rows:
        say(f"errors        {path}: {rows} row{'s' if rows > 1 else ''} to correct")
    else:
        say(f"errors        no row is to be corrected, so there is no {path}")


def tell_ending(summary: Summary, given: InviteParameters | None = None) -> None:
    """
    The sentence, why it stopped, who has a link, where the files are.

    And what to do next, if it is known what was *given* to the run.
    """
    say(f"\n{summary.sentence}")
    if summary.stop_message:
        say(f"stopped       {summary.stop_message}")
    if summary.reasons:
        texts = (f"{code.replace('_', ' ')} {count}" for code, count in summary.reasons.items())
        say(f"reasons       {', '.join(texts)}")
    _tell_left_out(summary)
    if summary.settled is not None:
        tell_settled(summary.settled)
    if summary.links is not None:
        say(f"links         {links_text(summary.links)}")
    tell_files(summary.files)
    if summary.idle is None:
        say(f"run           {summary.run_id} on {summary.host}")
    if summary.token_due is not None:
        say(f"token         {summary.token_due}")
    if given is not None:
        tell_next(next_steps(summary, given))


def _tell_left_out(summary: Summary) -> None:
    """What lies in an inbox, or lay there, and no row of the run comes from."""
    for file in summary.unreadable:
        say(f"unreadable    {file.reason}")
    for name in summary.not_taken:
        say(f"not taken     {name}: its suffix is none of an export")
    for left in summary.left_aside:
        say(f"not taken     {left.file}: {left.reason}")


def links_text(links: LinkCounts) -> str:
    """How many people have a link, and how many of them had it before."""
    people = links.new + links.earlier
    who = "1 person has" if people == 1 else f"{people} people have"
    return f"{who} a link ({links.new} new, {links.earlier} earlier)"


def tell_next(steps: Iterable[NextStep]) -> None:
    """What to do next: why, and below it the command to copy."""
    for number, step in enumerate(steps):
        if number == 0:
            say("\nwhat to do next")
        say(f"  {step.why}")
        say_as_is(f"    {step.command}")


def tell_files(files: Files) -> None:
    """Where the files lie."""
    for name, path in files.written():
        say(f"{name:<12}  {path}")
    _tell_kept(files.kept)


def _tell_kept(paths: Iterable[str]) -> None:
    for path in paths:
        say(f"kept          {path}: changed since it was written, so it has this name now")


def tell_settled(settled: SettledCounts) -> None:
    """What looking unknown rows up brought to light, and what it means."""
    for count, meaning in (
        (settled.found, "lost answers: the interviews exist and were not sent again"),
        (settled.older, "lost answers: the candidates had applied before"),
        (settled.did_not_happen, f"lost calls: nothing was created; {_sent_again(settled)}"),
        (settled.left, "could not be settled; see error_message"),
    ):
        if count:
            say(f"looked up     {count} {meaning}")


def _sent_again(settled: SettledCounts) -> str:
    """What became of calls that did not happen; a row's second one is not followed by a third."""
    if settled.sent_again == settled.did_not_happen:
        return "they were sent once more"
    return f"{settled.sent_again or 'none'} of them sent once more"
