"""What lay beside the inputs of a run and is not in it."""

from dataclasses import dataclass
from typing import Final, Self

from jobmojito_batch.file_names import NO_TEXT
from jobmojito_batch.summary import LeftFile, UnreadableInput


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableFile:
    """A file of an inbox that is in failed/ now, and why."""

    name: str
    reason: str
    """As it stands beside the file; it quotes headers and settings, never a cell."""

    @property
    def text(self) -> str:
        """Both, in one line."""
        text = self.reason.replace("\n", " ")
        return text if text.startswith(self.name) else f"{self.name}: {text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideFile:
    """What lies in an inbox and is not taken tonight; it stays there, or is in done/."""

    name: str
    """Its name if that is one of a table, else a number of its kind: it may name a person."""
    reason: str
    is_closed: bool = False
    """Whether it may not be opened or named: it stays until somebody mends that."""

    @classmethod
    def in_no_text(cls, name: str) -> Self:
        """A file whose name nothing of ours could say; *name* is as much of it as can be shown."""
        return cls(name=name, reason=NO_TEXT, is_closed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Files of an inbox that no row of the run comes from; none for inputs that were named."""

    unreadable: tuple[UnreadableFile, ...] = ()
    """Files that were put into failed/."""
    not_taken: tuple[str, ...] = ()
    """What is no export by its name: names, and numbers of résumés."""
    left_aside: tuple[AsideFile, ...] = ()
    """What else was not taken."""

    @property
    def closed(self) -> tuple[str, ...]:
        """The names of files that stay until somebody mends what keeps them closed."""
        return tuple(file.name for file in self.left_aside if file.is_closed)

    @property
    def to_mend(self) -> int:
        """Exports whose rows nobody has read, so that the run needs a person."""
        return len(self.unreadable) + len(self.closed)

    @property
    def unreadable_inputs(self) -> tuple[UnreadableInput, ...]:
        """The unreadable ones as the summary has them."""
        return tuple(UnreadableInput(file=each.name, reason=each.text) for each in self.unreadable)

    @property
    def left_files(self) -> tuple[LeftFile, ...]:
        """The others as the summary has them."""
        return tuple(LeftFile(file=each.name, reason=each.reason) for each in self.left_aside)


NOTHING_LEFT_OUT: Final = LeftOut()
