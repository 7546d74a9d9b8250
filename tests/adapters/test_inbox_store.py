"""An inbox that is a prefix of an object store, against a small S3 on loopback."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmojito_batch.errors import InputError
from jobmojito_batch.inbox import Found, Inbox, find_whole, open_inbox, sha256_of
from jobmojito_batch.intake import is_input_name
from tests.store import Objects, a_bucket

DAY = "2026-11-24"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    with a_bucket(monkeypatch) as objects:
        yield objects


@pytest.fixture
def inbox(bucket: Objects, tmp_path: Path) -> Inbox:  # noqa: ARG001 - it is the one that answers
    copies = tmp_path / "copies"
    copies.mkdir(mode=0o700)
    return open_inbox("s3://bucket/in/", copies=copies)


def put_away(inbox: Inbox, folder: str, **more: str) -> str | None:
    """Put in/a.csv away as what it is now."""
    return inbox.put_away("a.csv", folder, sha256=sha256_of(inbox.local("a.csv")), **more)


def look(inbox: Inbox, *, needs_markers: bool = False) -> Found:
    def sleep(_: float) -> None:
        raise AssertionError("objects appear whole: nobody has to look twice")

    return find_whole(
        inbox,
        is_input=lambda name, is_marked: is_input_name(name, is_marked=is_marked),
        needs_markers=needs_markers,
        stable_seconds=7.0,
        sleep=sleep,
    )


def test_objects_directly_under_the_prefix_are_taken_at_once(bucket: Objects, inbox: Inbox) -> None:
    for key in ("in/a.csv", "in/done/x.csv", "in/.b.csv", "in/a.results.csv", "other/c.csv"):
        bucket[key] = b"x"

    assert look(inbox) == Found(("a.csv",), waiting=0)


def test_markers_count_for_objects_too(bucket: Objects, inbox: Inbox) -> None:
    bucket |= {"in/a.csv": b"x", "in/b.csv": b"x", "in/b.csv.done": b""}

    assert look(inbox, needs_markers=True) == Found(("b.csv",), waiting=1)


def test_an_object_is_read_from_a_copy_that_is_the_owners_alone(
    bucket: Objects, inbox: Inbox
) -> None:
    bucket["in/a.csv"] = b"one,two\n" * 1000

    copy = inbox.local("a.csv")

    assert copy.read_bytes() == bucket["in/a.csv"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_an_object_is_renamed_and_never_over_another(bucket: Objects, inbox: Inbox) -> None:
    for content in (b"one", b"two"):
        bucket |= {"in/a.csv": content, "in/a.csv.done": b""}
        put_away(inbox, f"done/{DAY}", run_id="r1")

    assert bucket[f"in/done/{DAY}/a.csv"] == b"one"
    assert bucket[f"in/done/{DAY}/a-2.csv"] == b"two"
    assert [key for key in bucket if "done/" not in key] == []
    assert inbox.earlier_runs().keys() == {"r1"}


def test_why_an_object_failed_is_beside_it(bucket: Objects, inbox: Inbox) -> None:
    bucket["in/a.csv"] = b"x"

    put_away(inbox, f"failed/{DAY}", note="broken\nhere")

    assert bucket[f"in/failed/{DAY}/a.csv.error.txt"] == b"broken here\n"


def test_an_object_that_is_not_what_was_read_stays_as_it_is(bucket: Objects, inbox: Inbox) -> None:
    bucket["in/a.csv"] = b"one"
    read = sha256_of(inbox.local("a.csv"))
    bucket["in/a.csv"] = b"two"

    assert inbox.put_away("a.csv", f"done/{DAY}", sha256=read) is None

    assert bucket == {"in/a.csv": b"two"}


def test_an_object_that_is_gone_is_no_fault(inbox: Inbox) -> None:
    assert inbox.put_away("a.csv", f"done/{DAY}", sha256="x") is None


def test_old_nights_go_and_nothing_else(bucket: Objects, inbox: Inbox) -> None:
    for day in ("2026-08-01", DAY):
        bucket["in/a.csv"] = b"x"
        put_away(inbox, f"done/{day}", note="a note")
    bucket["in/done/2026-08-01/somebody-elses.docx"] = b"x"
    bucket["in/done/2026-08-02/a.csv"] = b"no list of ours"
    bucket["in/done/older/a.csv"] = b"no day"

    assert inbox.remove_old_nights(before=DAY) == 2

    left = {key.removeprefix("in/done/") for key in bucket if not key.endswith(".jobmojito-batch")}
    assert left == {
        "2026-08-01/somebody-elses.docx",
        "2026-08-02/a.csv",
        "older/a.csv",
        f"{DAY}/a.csv",
        f"{DAY}/a.csv.note.txt",
    }


def test_a_store_that_lets_nobody_in_is_a_line(bucket: Objects, inbox: Inbox) -> None:
    bucket.is_closed = True

    with pytest.raises(InputError, match="s3://bucket/in/: listing failed") as caught:
        look(inbox)

    assert "made-up" not in str(caught.value)
