"""The limit on open files, without touching that of the tests."""

import sys

import pytest

from jobmojito_batch.client.open_files import OTHER_FILES, make_room
from jobmojito_batch.errors import SettingsError

resource = pytest.importorskip("resource")


def limits(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> list[tuple[int, int]]:
    changed: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, both: changed.append(both))
    return changed


def test_a_limit_that_is_high_enough_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = limits(monkeypatch, 1024, 4096)
    make_room(1024 - OTHER_FILES)
    assert changed == []


def test_a_low_limit_is_raised_as_far_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = limits(monkeypatch, 1024, 20_000)
    make_room(4_000)
    assert changed == [(4_000 + OTHER_FILES, 20_000)]


def test_a_limit_that_cannot_be_raised_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = limits(monkeypatch, 1024, 2_048)
    with pytest.raises(SettingsError, match=r"4128 open files .* allows 2048; .* at most 1920"):
        make_room(4_000)
    assert changed == []


def test_windows_has_no_such_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = limits(monkeypatch, 8, 8)
    monkeypatch.setattr(sys, "platform", "win32")
    make_room(4_000)
    assert changed == []
