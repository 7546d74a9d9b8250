"""An inbox: what is taken, when it is whole, and that nothing is ever overwritten."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from jobmojito_batch.errors import InputError
from jobmojito_batch.inbox import (
    FolderInbox,
    Found,
    NightFolder,
    earlier_runs,
    find_whole,
    open_inbox,
    remove_old_nights,
    sha256_of,
)
from jobmojito_batch.inbox.day_folders import LIST, _moved
from jobmojito_batch.intake import is_input_name

DAY = "2026-11-24"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def look(
    box: Path,
    *,
    between: Callable[[], object] = lambda: None,
    needs_markers: bool = False,
    slept: list[float] | None = None,
) -> Found:
    """Two looks; *between* is what happens meanwhile."""

    def sleep(seconds: float) -> None:
        if slept is not None:
            slept.append(seconds)
        between()

    return find_whole(
        FolderInbox(box),
        is_input=lambda name, is_marked: is_input_name(name, is_marked=is_marked),
        needs_markers=needs_markers,
        stable_seconds=7.0,
        sleep=sleep,
    )


def put_away(box: Path, name: str, folder: str, **more: str) -> str | None:
    """Put a file away as what it is now."""
    return FolderInbox(box).put_away(name, folder, sha256=sha256_of(box / name), **more)


def write(path: Path, text: str = "x", *, at: float | None = None) -> Path:
    path.write_text(text)
    if at is not None:
        os.utime(path, (at, at))
    return path


# Whole


def test_a_file_that_did_not_change_between_two_looks_is_whole(box: Path) -> None:
    write(box / "a.csv")
    slept: list[float] = []

    assert look(box, slept=slept) == Found(("a.csv",), waiting=0)
    assert slept == [7.0]


def test_a_file_that_grows_waits(box: Path) -> None:
    write(box / "a.csv", at=100.0)
    write(box / "b.csv", at=100.0)

    found = look(box, between=lambda: write(box / "a.csv", "longer", at=100.0))

    assert found == Found(("b.csv",), waiting=1)


def test_a_file_that_is_written_over_waits_though_its_size_is_the_same(box: Path) -> None:
    write(box / "a.csv", at=100.0)

    assert look(box, between=lambda: write(box / "a.csv", "y", at=200.0)).waiting == 1


def test_a_file_that_goes_away_meanwhile_is_not_taken(box: Path) -> None:
    write(box / "a.csv")

    assert look(box, between=(box / "a.csv").unlink).whole == ()


def test_a_file_with_its_marker_is_whole_at_once(box: Path) -> None:
    write(box / "a.csv", at=100.0)
    write(box / "a.csv.done", "", at=100.0)
    slept: list[float] = []

    assert look(box, slept=slept) == Found(("a.csv",), waiting=0)
    assert slept == []


def test_a_marker_that_is_older_than_its_file_was_for_another(box: Path) -> None:
    write(box / "a.csv", at=200.0)
    write(box / "a.csv.done", "", at=100.0)

    assert look(box, needs_markers=True) == Found((), waiting=1)


def test_where_markers_are_asked_for_nothing_is_taken_without(box: Path) -> None:
    write(box / "a.csv")
    write(box / "b.csv", at=100.0)
    write(box / "b.csv.done", "")
    slept: list[float] = []

    assert look(box, needs_markers=True, slept=slept) == Found(("b.csv",), waiting=1)
    assert slept == []


def test_the_oldest_file_comes_first(box: Path) -> None:
    write(box / "a.csv", at=200.0)
    write(box / "b.csv", at=100.0)

    assert look(box).whole == ("b.csv", "a.csv")


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.csv", "~$a.xlsx", ".~lock.a.ods#", "a.csv.part", "a.csv.tmp", "a.csv.filepart",
        "a.csv.crdownload", "a.results.csv", "a.results.xlsx", "a.errors.csv",
        "a.results.errors.csv", "a.summary.json", "a.csv.error.txt", "a.csv.note.txt",
        "cv.txt", "cv.pdf", "a.csv.done",
        "README",
    ],
)  # fmt: skip
def test_what_is_not_an_export_is_never_taken(box: Path, name: str) -> None:
    write(box / name)

    assert look(box) == Found((), waiting=0)


@pytest.mark.parametrize("name", ["export.txt", "export.dat"])
def test_a_marker_makes_an_export_of_what_does_not_look_like_one(box: Path, name: str) -> None:
    write(box / name, at=100.0)
    write(box / f"{name}.done", "")

    assert look(box).whole == (name,)


def test_a_marker_does_not_make_an_export_of_our_own_files(box: Path) -> None:
    write(box / "a.results.csv", at=100.0)
    write(box / "a.results.csv.done", "")

    assert look(box).whole == ()


def test_folders_and_links_are_never_taken(box: Path, tmp_path: Path) -> None:
    for folder in ("done", "failed", "x.csv"):
        (box / folder).mkdir()
        write(box / folder / "a.csv")
    (box / "link.csv").symlink_to(write(tmp_path / "elsewhere.csv"))

    assert look(box) == Found((), waiting=0)


def test_a_name_that_is_no_text_is_not_taken(box: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.csv")
    write(box / name)

    assert look(box).whole == ()


# Put away


def test_a_file_moves_into_the_days_folder_with_its_marker_gone(box: Path) -> None:
    write(box / "a.csv")
    write(box / "a.csv.done", "")

    name = put_away(box, "a.csv", f"done/{DAY}")

    assert name == "a.csv"
    assert sorted(path.name for path in box.iterdir()) == ["done"]
    assert (box / "done" / DAY / "a.csv").read_text() == "x"
    assert stat.S_IMODE((box / "done").stat().st_mode) == 0o700


def test_nothing_that_is_put_away_is_ever_overwritten(box: Path) -> None:
    for text in ("one", "two", "three"):
        write(box / "a.csv", text)
        put_away(box, "a.csv", f"done/{DAY}")

    texts = {path.name: path.read_text() for path in (box / "done" / DAY).glob("*.csv")}
    assert texts == {"a.csv": "one", "a-2.csv": "two", "a-3.csv": "three"}


def test_a_name_that_somebody_takes_in_that_moment_is_not_replaced(box: Path) -> None:
    (box / "done").mkdir()
    write(box / "done" / "a.csv", "theirs")

    moved = _moved(write(box / "a.csv", "ours"), box / "done", "a.csv")

    assert (moved.name, moved.read_text()) == ("a-2.csv", "ours")
    assert (box / "done" / "a.csv").read_text() == "theirs"


@pytest.mark.parametrize(("folder", "ending"), [("done", ".note.txt"), ("failed", ".error.txt")])
def test_a_note_is_one_line_beside_the_file(box: Path, folder: str, ending: str) -> None:
    write(box / "a.csv")

    put_away(box, "a.csv", f"{folder}/{DAY}", note="broken\nhere")

    note = box / folder / DAY / f"a.csv{ending}"
    assert note.read_text() == "broken here\n"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600


def test_a_file_that_somebody_else_moved_is_no_fault(box: Path) -> None:
    assert FolderInbox(box).put_away("a.csv", f"done/{DAY}", sha256="x", note="x") is None
    assert not (box / "done" / DAY / "a.csv.note.txt").exists()


def test_a_file_that_is_not_what_was_read_stays_as_it_is(box: Path) -> None:
    read = sha256_of(write(box / "a.csv", "one"))
    write(box / "a.csv", "two")
    write(box / "a.csv.done", "")

    assert FolderInbox(box).put_away("a.csv", f"done/{DAY}", sha256=read) is None

    assert (box / "a.csv").read_text() == "two"
    assert (box / "a.csv.done").exists()
    assert list((box / "done" / DAY).glob("*.csv")) == []


def test_the_runs_of_earlier_nights_are_listed(box: Path) -> None:
    inbox = FolderInbox(box)
    assert inbox.earlier_runs() == {}
    for day, run_id in ((DAY, "r1"), (DAY, "r1"), ("2026-11-25", "r2")):
        write(box / "a.csv")
        put_away(box, "a.csv", f"done/{day}", run_id=run_id)

    assert inbox.earlier_runs().keys() == {"r1", "r2"}
    assert (box / "done" / DAY / LIST).read_text().count("run r1") == 1


@pytest.mark.parametrize("text", ["nowhere", "http://127.0.0.1/x/", "ftp://host/x"])
def test_what_is_no_inbox_is_said_in_a_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="an inbox is"):
        open_inbox(text, copies=tmp_path)


# Old nights


def night(parent: Path, day: str, *names: str) -> NightFolder:
    folder = NightFolder.made(parent / day)
    folder.note_files(*names)
    for name in names:
        write(folder.path / name)
    return folder


def test_old_nights_go_and_later_ones_stay(tmp_path: Path) -> None:
    night(tmp_path, "2026-08-01", "a.csv", "a.results.csv")
    night(tmp_path, DAY, "b.csv")

    assert remove_old_nights(tmp_path, before=DAY) == 2
    assert [path.name for path in tmp_path.glob("20*")] == [DAY]


def test_only_what_we_put_there_is_removed(tmp_path: Path) -> None:
    """A folder without our list, a file that is not on it, a link, and what a list leads out to."""
    ours = night(tmp_path, "2026-08-01", "a.csv")
    write(ours.path / "somebody-elses.docx")
    theirs = tmp_path / "2026-08-02"
    theirs.mkdir()
    write(theirs / "a.csv")
    named = night(tmp_path, "2026-8-3", "a.csv")
    outside = write(tmp_path / "outside.csv")
    forged = night(tmp_path, "2026-08-04", "b.csv")
    with (forged.path / LIST).open("a") as file:
        file.write("file ../outside.csv\nfile ..\nfile \n")
    target = tmp_path / "target"
    night(target, "2026-08-05", "c.csv")
    (tmp_path / "2026-08-05").symlink_to(target / "2026-08-05")

    assert remove_old_nights(tmp_path, before=DAY) == 2

    assert [path.name for path in ours.path.iterdir() if path.name != LIST] == [
        "somebody-elses.docx"
    ]
    assert (theirs / "a.csv").exists()
    assert (named.path / "a.csv").exists()
    assert outside.exists()
    assert not forged.path.exists()
    assert (target / "2026-08-05" / "c.csv").exists()


def test_removing_twice_or_nowhere_is_nothing(tmp_path: Path) -> None:
    assert remove_old_nights(tmp_path / "nowhere", before=DAY) == 0
    night(tmp_path, "2026-08-01", "a.csv")
    remove_old_nights(tmp_path, before=DAY)

    assert remove_old_nights(tmp_path, before=DAY) == 0


def test_a_name_that_another_run_means_to_write_is_not_free(tmp_path: Path) -> None:
    first = NightFolder.made(tmp_path / DAY)
    first.note_files("a.results.csv")

    second = NightFolder.made(tmp_path / DAY)

    assert second.free_stem("a", (".results.csv",)) == "a-2"


@pytest.mark.parametrize("cut", ["reserved", "reserved me", "reserved me abc", "fi", "kept "])
def test_a_line_that_was_cut_off_costs_no_other(tmp_path: Path, cut: str) -> None:
    """What a full disk or a crash leaves of a list."""
    folder = NightFolder.made(tmp_path / DAY)
    (folder.path / LIST).write_text(cut)

    folder.reserve("a.results.csv", owner="me", contents=["abc"])

    assert folder.free_stem("a", (".results.csv",)) == "a-2"
    assert folder.free_stem("a", (".results.csv",), is_alive=lambda _: False) == "a"


def test_names_with_signs_that_end_a_line_elsewhere_are_removed(tmp_path: Path) -> None:
    names = ["a\nb.csv", "a\u2028b.csv", "a\x85b.csv", "a\rb.csv", "a\x0bb.csv"]
    night(tmp_path, "2026-08-01", *names)

    assert remove_old_nights(tmp_path, before=DAY) == len(names)


def test_a_folder_into_which_nothing_came_goes_unless_another_run_uses_it(tmp_path: Path) -> None:
    first = NightFolder.made(tmp_path / DAY)
    first.note_files("a.results.csv")
    second = NightFolder.made(tmp_path / DAY)

    second.remove_if_unused()
    assert first.path.exists()
    first.remove_if_unused()
    assert not first.path.exists()
    first.remove_if_unused()


def test_the_runs_of_a_folder_without_days_are_none(tmp_path: Path) -> None:
    assert earlier_runs(tmp_path) == {}
