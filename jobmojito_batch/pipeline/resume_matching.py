"""
Files called after people: which is whose, and what a person is told of those that are nobody's.

One file for one person, or none: what fits two is not guessed at. Found before the rows are read,
by one scan over all inputs and hash joins with the folder's keys (normalise/resume_names.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

import polars as pl

from jobmojito_batch.columns import RESUME_FILE, ROW
from jobmojito_batch.intake.resumes import (
    Listing,
    ResumeFile,
    ResumeFolder,
    ResumeProblem,
    not_read,
)
from jobmojito_batch.normalise import (
    FILE,
    KEY,
    NAME,
    RESUME,
    TRUST,
    Trust,
    bare_stems,
    keys_of_files,
    keys_of_people,
    person,
    words_of_name,
)
from jobmojito_batch.records import InputDoubt

MOST_SHOWN: Final = 100
"""People and files that a person is shown by name."""
MOST_COMPARED: Final = 300
"""Files that are compared with each of the people shown, for near matches."""
EXAMPLES: Final = 3
_LEAST_ALIKE: Final = 0.75

_TABLE: Final = "table"
_PERSON: Final = "person"
_NEEDS: Final = "needs"
_PLACE: Final = [_TABLE, ROW]

Found = Path | ResumeProblem
"""What a row gets: a file, or a sentence why none of several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody as the terminal names them; in no log."""

    source: str
    row: int
    name: str

    @property
    def text(self) -> str:
        """`row 3 Jana Novakova`."""
        return f"row {self.row} {self.name}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Who has a résumé, who lacks one, and which files nobody claims: counts, and names."""

    in_table: int
    """People with a text in their row."""
    named: int
    """People whose row names a file."""
    found: int
    unread: int
    """People whose file is of a kind that is not read."""
    without: int
    in_doubt: int
    """People for whom there are several files, or one that fits others too."""
    unclaimed: int
    shared: int
    """Files that fit several people."""
    spare: int
    """Files of people who have a résumé already."""
    unseen: int
    others: int
    """Files of kinds that are no résumé."""
    people_without: tuple[Person, ...] = field(default=(), repr=False)
    near: Mapping[int, str] = field(default_factory=dict, repr=False)
    """The file that may be meant, by the place in `people_without`."""
    files_unclaimed: tuple[str, ...] = field(default=(), repr=False)
    files_spare: tuple[str, ...] = field(default=(), repr=False)
    contested: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    """Files and people that fit each other in more ways than one, as text."""

    @property
    def counts(self) -> dict[str, int]:
        """For programs, summaries and logs: no name of a person or file."""
        names = ("in_table", "named", "found", "unread", "without", "in_doubt")
        files = ("unclaimed", "shared", "spare", "unseen", "others")
        return {
            **{f"people_{name}": getattr(self, name) for name in names},
            **{f"files_{name}": getattr(self, name) for name in files},
        }


class Matching:
    """Collects the frames of all inputs, then gives each row its file."""

    def __init__(self, folder: ResumeFolder) -> None:
        self._folder = folder
        self._frames: list[pl.LazyFrame] = []
        self._sources: list[str] = []
        self._found: list[dict[int, Found]] = []

    def add(self, frame: pl.LazyFrame, source: str, needs: pl.Expr) -> dict[int, Found]:
        """
        Take an input's clean frame; what its rows get stands in the dict after `settle`, by ROW.

        *needs*: whether a row has no résumé of its own, as text or as the name of a file.
        """
        number = pl.lit(len(self._frames), pl.UInt16).alias(_TABLE)
        self._frames.append(frame.with_columns(number, needs.alias(_NEEDS)))
        self._sources.append(source)
        self._found.append({})
        return self._found[-1]

    def settle(self) -> tuple[Coverage, tuple[InputDoubt, ...]]:
        """Decide all rows by all files. Raises what reading the inputs raises."""
        listing = self._folder.listing()
        files = listing.files
        people, matches = self._scanned(files)
        decided = _decided(matches, _readable(files), self._named_files(people, files))
        self._give(decided, files)
        return self._coverage(people, decided, listing)

    def _scanned(self, files: Sequence[ResumeFile]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Each row with its person; and the keys that rows and files have in common."""
        keys = keys_of_files(
            pl.DataFrame(
                {
                    FILE: range(len(files)),
                    "stem": [file.stem for file in files],
                    "folder": [file.folder for file in files],
                },
                schema={FILE: pl.UInt32, "stem": pl.String, "folder": pl.String},
            )
        )
        place = [pl.col(_TABLE), pl.col(ROW), person().alias(_PERSON), pl.col(_NEEDS)]
        named = pl.when(pl.col(RESUME).is_null()).then(pl.col(RESUME_FILE)).alias(RESUME_FILE)
        people = pl.concat(frame.select(*place, named) for frame in self._frames)
        matches = pl.concat(
            keys_of_people(frame.with_columns(person().alias(_PERSON)), (*_PLACE, _PERSON, _NEEDS))
            .join(keys.lazy(), on=KEY, how="inner")
            .select(*_PLACE, _PERSON, _NEEDS, TRUST, FILE)
            for frame in self._frames
        )
        both = pl.collect_all([people, matches.unique()], engine="streaming")
        return both[0], both[1]

    def _named_files(self, people: pl.DataFrame, files: Sequence[ResumeFile]) -> list[int]:
        """The files that cells name: they are not to be had by others."""
        places = {file.path: number for number, file in enumerate(files)}
        taken = set()
        for name in people[RESUME_FILE].drop_nulls().unique():
            with suppress(ResumeProblem):  # its row says so
                taken.add(self._folder.path_of(name))
        return [places[path] for path in taken if path in places]

    def _give(self, decided: "_Decided", files: Sequence[ResumeFile]) -> None:
        for table, row, file in decided.given.select(*_PLACE, FILE).iter_rows():
            path = files[file].path
            problem = ResumeProblem(f"the résumé file of this person: {not_read(path)}")
            self._found[table][row] = path if files[file].is_read else problem
        for table, row, count in decided.contested.group_by(_PLACE).len().iter_rows():
            self._found[table][row] = ResumeProblem(
                f"{count} résumé files are called after this person; keep one, or name it in "
                "candidate_resume_file"
                if count > 1
                else "the résumé file that is called after this person fits somebody else too; "
                "name it in candidate_resume_file, or call it after id or e-mail"
            )

    def _coverage(
        self, people: pl.DataFrame, decided: "_Decided", listing: Listing
    ) -> tuple[Coverage, tuple[InputDoubt, ...]]:
        files = listing.files
        needing = people.filter(_NEEDS)
        without = needing.join(decided.given, on=_PLACE, how="anti").join(
            decided.contested, on=_PLACE, how="anti"
        )
        first = without.unique(_PERSON, maintain_order=True).sort(_PLACE).head(MOST_SHOWN)
        contested = decided.contested.head(MOST_SHOWN)
        names = self._names_of(pl.concat([first.select(_PLACE), contested.select(_PLACE)]))
        shown = [names[place] for place in first.select(_PLACE).iter_rows()]
        used = decided.used
        nobodys = [file for n, file in enumerate(files) if n not in used and not file.is_picture]
        unclaimed = [self._folder.relative(file.path) for file in nobodys]
        spare = [self._folder.relative(files[n].path) for n in decided.spare]
        is_named = pl.col(RESUME_FILE).is_not_null() & ~pl.col(_NEEDS)
        coverage = Coverage(
            in_table=_people(people.filter(~pl.col(_NEEDS) & ~is_named)),
            named=_people(people.filter(is_named)),
            found=_people(decided.given.filter("is_read")),
            unread=_people(decided.given.filter(~pl.col("is_read"))),
            without=_people(without),
            in_doubt=_people(decided.contested),
            unclaimed=len(unclaimed),
            shared=decided.shared.height,
            spare=len(spare),
            unseen=listing.unseen,
            others=listing.others,
            people_without=tuple(shown),
            near=_near(shown, unclaimed),
            files_unclaimed=tuple(unclaimed[:MOST_SHOWN]),
            files_spare=tuple(spare[:MOST_SHOWN]),
            contested=tuple(self._contested(contested, names, files)),
        )
        return coverage, tuple(self._doubts(coverage, decided))

    def _names_of(self, places: pl.DataFrame) -> dict[tuple[int, int], Person]:
        """The names of some rows, by another look at the inputs."""
        people: dict[tuple[int, int], Person] = {}
        for (number,), some in places.group_by(_TABLE):
            table = int(str(number))
            rows = self._frames[table].filter(pl.col(ROW).is_in(some[ROW].unique().implode()))
            for row, name in rows.select(ROW, NAME).collect(engine="streaming").iter_rows():
                people[table, row] = Person(source=self._sources[table], row=row, name=name or "")
        return people

    def _contested(
        self,
        contested: pl.DataFrame,
        names: Mapping[tuple[int, int], Person],
        files: Sequence[ResumeFile],
    ) -> Iterator[tuple[str, ...]]:
        """`Jan_Novak.pdf: row 7 Jan Novak, row 9 Jan Novak`, a group for each file."""
        for (number,), some in contested.group_by(FILE, maintain_order=True):
            people = [names[place].text for place in some.select(_PLACE).iter_rows()]
            yield (self._folder.relative(files[int(str(number))].path), *people)

    def _doubts(self, coverage: Coverage, decided: "_Decided") -> Iterator[InputDoubt]:
        """Counts and rows alone: names stand in the coverage."""
        if not coverage.in_doubt:
            return
        rows = decided.contested.select(_PLACE).unique().sort(_PLACE)
        is_one = rows[_TABLE].n_unique() == 1
        count = coverage.in_doubt
        yield InputDoubt(
            kind="résumé",
            source=self._sources[rows[_TABLE][0]] if is_one else "",
            sentence=f"{count} {'people have' if count > 1 else 'person has'} several résumé files "
            "called after them, or one that fits somebody else too; none is taken and their rows "
            "are invalid",
            option="keep one file a person, call it after id or e-mail, or name it in "
            "candidate_resume_file",
            rows=tuple(rows[ROW][:EXAMPLES]) if is_one else (),
            holds=False,
        )


# Deciding


@dataclass(frozen=True, slots=True)
class _Decided:
    """Rows with their file; rows and files that fit in several ways; files that nobody needs."""

    given: pl.DataFrame
    contested: pl.DataFrame
    shared: pl.DataFrame
    spare: list[int]
    used: set[int]
    """All files that somebody claims."""


def _readable(files: Sequence[ResumeFile]) -> pl.DataFrame:
    return pl.DataFrame(
        {FILE: range(len(files)), "is_read": [file.is_read for file in files]},
        schema={FILE: pl.UInt32, "is_read": pl.Boolean},
    )


def _decided(matches: pl.DataFrame, readable: pl.DataFrame, named: Sequence[int]) -> _Decided:
    """
    Step by step, the most trusted first; files that are read before those that are not.

    A file that fits at one step is out of the next ones, whosever it is. That it fits one person is
    counted over all people, those who need none included: it may be theirs.
    """
    known = matches.join(readable, on=FILE, how="left")
    taken = pl.DataFrame({FILE: named}, schema={FILE: pl.UInt32})
    given, contested = [known.clear()], [known.clear()]
    shared = [taken.clear()]
    for is_read in (True, False):
        for trust in Trust:
            step = known.filter(pl.col("is_read") == is_read, pl.col(TRUST) == trust.value)
            step = step.join(taken, on=FILE, how="anti")
            if step.is_empty():
                continue
            open_ = _open(step, pl.concat([*given, *contested]))
            fits = pl.col("people_of_file").eq(1) & pl.col("files_of_row").eq(1)
            given.append(open_.filter(fits).select(known.columns))
            contested.append(open_.filter(~fits).select(known.columns))
            shared.append(open_.filter(pl.col("people_of_file") > 1).select(FILE).unique())
            taken = pl.concat([taken, step.select(FILE).unique()])
    all_given, all_contested = pl.concat(given), pl.concat(contested).sort(*_PLACE, FILE)
    claimed = {*all_given[FILE], *all_contested[FILE], *named}
    return _Decided(
        given=all_given,
        contested=all_contested,
        shared=pl.concat(shared),
        spare=sorted(set(taken[FILE]) - claimed),
        used=set(taken[FILE]),
    )


def _open(step: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """The matches of rows that need a file still, each with how many fit how many."""
    counted = step.with_columns(
        pl.col(_PERSON).n_unique().over(FILE).alias("people_of_file"),
        pl.col(FILE).n_unique().over(_PLACE).alias("files_of_row"),
    )
    return counted.filter(_NEEDS).join(decided, on=_PLACE, how="anti")


def _people(rows: pl.DataFrame) -> int:
    return rows[_PERSON].n_unique()


# Near matches


def _near(people: Sequence[Person], files: Sequence[str]) -> dict[int, str]:
    """The unclaimed file that is most like each name, where one is like it; of a bounded number."""
    some = files[:MOST_COMPARED]
    if not people or not some:
        return {}
    stems = pl.Series([Path(name).stem for name in some], dtype=pl.String)
    words = _ordered(bare_stems(stems).to_list())
    names = _ordered([who.name for who in people])
    near = {}
    for place, name in enumerate(names):
        score, at = max((_alike(name, other), -n) for n, other in enumerate(words))
        if score >= _LEAST_ALIKE:
            near[place] = some[-at]
    return near


def _ordered(texts: Sequence[str]) -> list[str]:
    series = pl.Series("text", texts, dtype=pl.String).to_frame()
    return series.select(words_of_name(pl.col("text"))).to_series().to_list()


def _alike(name: str, other: str) -> float:
    """From 0 to 1; all words of one within the other's count as alike."""
    mine, theirs = set(name.split()), set(other.split())
    if min(len(mine), len(theirs)) > 1 and (mine <= theirs or theirs <= mine):
        return 1.0
    matcher = SequenceMatcher(None, name, other, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _LEAST_ALIKE else 0.0
