"""The rows of a position that wait for their turn, in four bytes each."""

from array import array
from collections import deque
from collections.abc import Iterable, Iterator


class RowQueue:
    """
    Ordinals in input order; a row that comes back stands first again.

    The ordinals of a file are handed out once and in order, so they lie in an array with a mark.
    """

    def __init__(self, ordinals: Iterable[int] = ()) -> None:
        self._ordinals = array("I", ordinals)
        self._next = 0
        self._back: deque[int] = deque()

    def extend(self, ordinals: Iterable[int]) -> None:
        """Put rows at the end."""
        self._ordinals.extend(ordinals)

    def popleft(self) -> int:
        """Take the first. Raises IndexError where there is none."""
        if self._back:
            return self._back.popleft()
        first = self._ordinals[self._next]
        self._next += 1
        return first

    def appendleft(self, ordinal: int) -> None:
        """Put a row back to the head."""
        self._back.appendleft(ordinal)

    def clear(self) -> None:
        """Let all go."""
        self._ordinals = array("I")
        self._next = 0
        self._back.clear()

    def first(self) -> int:
        """The row whose turn is next. Raises IndexError where there is none."""
        return self._back[0] if self._back else self._ordinals[self._next]

    def __len__(self) -> int:
        return len(self._back) + len(self._ordinals) - self._next

    def __iter__(self) -> Iterator[int]:
        yield from self._back
        yield from self._ordinals[self._next :]
