"""The results of a night in the folder of its day."""

from dataclasses import replace
from pathlib import Path

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.file_names import stem_of
from jobmojito_batch.inbox import NightFolder
from jobmojito_batch.intake import input_files
from jobmojito_batch.ledger import is_alive, this_owner
from jobmojito_batch.pipeline.nightly.archive_inputs import DONE
from jobmojito_batch.pipeline.nightly.selected_inputs import SelectedInputs
from jobmojito_batch.pipeline.output_paths import endings, suffix_for


def with_day_folder(taken: SelectedInputs) -> SelectedInputs:
    """With the results in the day's folder, where one is asked for and nothing else is said."""
    asked = taken.parameters
    if not taken.will_send or asked.results is not None:
        return taken
    if taken.inbox is not None and not taken.files:
        return taken
    parent = _parent_of_nights(taken)
    if parent is None:
        return taken
    stem, suffix = _name_of_results(taken)
    try:
        night = NightFolder.made(parent / str(taken.day))
        ends = (f".results{suffix}", *(f".results{end}" for end in endings(suffix)))
        contents = [file.sha256 for file in taken.files]
        free = night.free_stem(stem, ends, contents=contents, is_alive=is_alive)
        names = tuple(f"{free}{end}" for end in ends)
        night.reserve(*names, owner=this_owner(), contents=contents)
    except OSError as exc:
        raise SettingsError(
            f"{parent}: the folder of the day cannot be made there ({exc.strerror}); choose "
            "another --results-folder"
        ) from None
    return replace(
        taken,
        night=night,
        night_files=names,
        parameters=asked.model_copy(update={"results": str(night.path / names[0])}),
    )


def _parent_of_nights(taken: SelectedInputs) -> Path | None:
    asked = taken.parameters
    if asked.results_folder is not None:
        return Path(asked.results_folder).expanduser()
    return Path(taken.place).expanduser() / DONE if taken.inbox is not None else None


def _name_of_results(taken: SelectedInputs) -> tuple[str, str]:
    """The beginning and the ending of the results file: after the only input, else the day."""
    names = [file.path.name for file in input_files(taken.parameters.inputs)]
    return stem_of(names[0]) if len(names) == 1 else str(taken.day), suffix_for(names)
