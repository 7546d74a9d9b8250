"""When a night is held, and what is told of it in the morning."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from jobmojito_batch.alerts import (
    FEWEST_NIGHTS,
    LEAST_OVERRUN_SECONDS,
    RECENT_NIGHTS,
    SMALL_NIGHT,
    AlertKind,
    Night,
    Severity,
    Trouble,
    alerts_of,
    chase,
    lost_ledger,
    overrun,
    overrun_after_seconds,
    volume_doubt,
)
from jobmojito_batch.columns import Outcome
from jobmojito_batch.exit_codes import ExitCode
from jobmojito_batch.settings import AlertSettings

MONDAY = date(2026, 11, 23)


def nights(*new: int, known: int = 0, seconds: float = 600.0) -> list[Night]:
    """One night a day, the latest first."""
    return [
        Night(
            day=MONDAY - timedelta(days=back),
            run_id=f"r{back}",
            rows=count + known,
            new=count,
            known=known,
            seconds=seconds,
        )
        for back, count in enumerate(new)
    ]


def tonight(
    exit_code: int = 0, *, rows: int = 100, seconds: float = 600.0, **outcomes: int
) -> Night:
    return Night(
        day=MONDAY + timedelta(days=1),
        run_id="r",
        exit_code=ExitCode(exit_code),
        rows=rows,
        new=rows,
        seconds=seconds,
        outcomes={Outcome(name): count for name, count in outcomes.items()},
    )


FULL_EXPORTS = nights(100, 90, 0, 110, known=9_900)
"""Every night the whole list arrives, and nearly everybody in it is known."""


@pytest.mark.parametrize(
    ("new", "known", "history", "held"),
    [
        pytest.param(10_000, 0, [], False, id="the-first-night"),
        pytest.param(10_000, 0, nights(100, 100), False, id="two-nights-are-too-few"),
        pytest.param(10_000, 0, nights(100, 100, 100), True, id="a-hundred-times-the-usual"),
        pytest.param(300, 0, nights(100, 90, 100), False, id="three-times-the-usual"),
        pytest.param(301, 0, nights(100, 90, 100), True, id="more-than-three-times"),
        pytest.param(700, 0, nights(100, 90, 2_000, 100), True, id="a-first-load-excuses-nobody"),
        pytest.param(
            500, 0, nights(0, 0, 100, 100, 100, 100, 400, 0, 0, 100, 100, 100, 100, 400), False,
            id="a-monday-is-like-a-monday",
        ),
        pytest.param(500, 0, nights(0, 0, 0, 0, 100), False, id="nights-without-work-do-not-count"),
        pytest.param(SMALL_NIGHT, 0, nights(1, 1, 1, 1), False, id="a-small-number"),
        pytest.param(SMALL_NIGHT + 1, 0, nights(1, 1, 1, 1), True, id="just-not-small"),
        pytest.param(0, 100, nights(100, 100, 100), False, id="nothing-new"),
        pytest.param(100, 9_900, FULL_EXPORTS, False, id="a-usual-full-export"),
        pytest.param(10_000, 0, FULL_EXPORTS, True, id="all-known-rows-look-new"),
        pytest.param(200, 20, FULL_EXPORTS, True, id="most-known-rows-look-new"),
        pytest.param(200, 300, FULL_EXPORTS, False, id="more-than-half-of-the-usual-share"),
        pytest.param(40, 0, FULL_EXPORTS, False, id="few-look-new"),
        pytest.param(
            100, 0, nights(*[0] * 20, known=5_000), True, id="a-series-that-only-ever-knew"
        ),
        pytest.param(
            9_000, 0, [*nights(8_000), *nights(0, 0, 0, 8_000, 8_000)], False, id="large-as-ever"
        ),
    ],
)  # fmt: skip
def test_a_night_is_held_where_it_is_far_from_the_recent_ones(
    new: int, known: int, history: list[Night], held: bool
) -> None:
    assert (volume_doubt(new=new, known=known, history=history) is not None) is held


def test_the_sentence_says_what_was_seen_and_what_was_usual() -> None:
    too_many = volume_doubt(new=500, known=0, history=nights(100, 90, 100))
    all_new = volume_doubt(new=10_000, known=0, history=FULL_EXPORTS)

    assert too_many == "500 new rows would be sent, where the recent nights had up to 100"
    assert all_new is not None
    assert "10000 new rows would be sent and 0 are known (0%), where usually 99% are" in all_new


def test_nights_before_the_recent_ones_are_forgotten() -> None:
    old = nights(*[10] * RECENT_NIGHTS, 9_000, 9_000, 9_000)

    assert volume_doubt(new=400, known=0, history=old) is not None


def test_runs_again_on_one_day_do_not_make_it_look_smaller() -> None:
    days = nights(400, 400, 400)
    again = [Night(day=night.day, new=0, known=400) for night in days for _ in range(3)]

    assert volume_doubt(new=900, known=0, history=[*again, *days, *again]) is None


def test_nights_that_were_held_are_not_what_is_usual() -> None:
    usual = [replace(night, day=night.day - timedelta(days=3)) for night in nights(20, 20, 20)]
    held = [
        Night(day=night.day, exit_code=ExitCode.USAGE, trouble=Trouble.VOLUME, new=9_000)
        for night in nights(1, 1, 1)
    ]

    assert volume_doubt(new=9_000, known=0, history=[*held, *usual]) is not None


def test_a_lost_ledger_is_told_with_its_cause_and_hands_out_no_release() -> None:
    """Whoever followed `--expect-at-most` would pay for everybody again."""
    said = lost_ledger(runs=3, example="/data/done/2026-11-23", ledger="sqlite:///new.db")
    (alert,) = alerts_of(
        Night(day=MONDAY, exit_code=ExitCode.USAGE, trouble=Trouble.LEDGER, cause=said), []
    )

    assert "knows none of the 3 earlier runs" in said
    assert "whose results lie in folders such as /data/done/2026-11-23" in said
    assert said in alert.sentence
    assert (alert.kind, alert.severity) == (AlertKind.FAILED, Severity.ERROR)
    assert "--expect-at-most" not in alert.sentence
    assert "--no-volume-guard" not in alert.sentence


def test_that_nothing_was_sent_is_said_once() -> None:
    held = Night(
        day=MONDAY, exit_code=ExitCode.USAGE, trouble=Trouble.FAULT, cause="Doubt. Nothing was sent"
    )

    [alert] = alerts_of(held, [])

    assert alert.sentence.count("Nothing was sent") == 1


@pytest.mark.parametrize(
    ("night", "history", "kinds"),
    [
        pytest.param(tonight(invited=100), [], [], id="all-is-well"),
        pytest.param(tonight(1, invited=97, invalid=2, failed=1), [], ["needs_repair"], id="1"),
        pytest.param(tonight(3, invited=99, unknown=1), [], ["unsettled"], id="3"),
        pytest.param(
            tonight(3, invited=98, unknown=1, invalid=1), [], ["unsettled", "needs_repair"],
            id="3-with-invalid",
        ),
        pytest.param(
            tonight(4, invited=9, not_sent=90, unknown=1), [], ["stopped", "unsettled"], id="4"
        ),
        pytest.param(tonight(143, not_sent=100), [], ["stopped"], id="143"),
        pytest.param(tonight(rows=0), [], ["zero_rows"], id="zero-rows"),
        pytest.param(
            Night(day=MONDAY, exit_code=ExitCode.USAGE, trouble=Trouble.FAULT), [], ["failed"],
            id="failed",
        ),
        pytest.param(
            Night(day=MONDAY, exit_code=ExitCode.USAGE, trouble=Trouble.VOLUME, new=900), [],
            ["volume_unusual"], id="held",
        ),
        pytest.param(
            tonight(rows=30, invited=30), nights(100, 100, 100), ["volume_unusual"], id="few-rows"
        ),
        pytest.param(tonight(rows=40, invited=40), nights(100, 100, 100), [], id="some-rows"),
        pytest.param(
            tonight(seconds=1_900.0, invited=100), nights(100, 100, 100), ["overrun"], id="overrun"
        ),
        pytest.param(
            tonight(invited=100), [Night(day=MONDAY, exit_code=ExitCode.UNSETTLED)],
            ["recovered"], id="recovered",
        ),
        pytest.param(
            tonight(invited=100), [Night(day=MONDAY, exit_code=None)], ["recovered"],
            id="recovered-from-a-crash",
        ),
        pytest.param(
            tonight(invited=100),
            [Night(day=MONDAY, exit_code=ExitCode.USAGE, trouble=Trouble.FAULT)], ["recovered"],
            id="recovered-from-a-fault",
        ),
        pytest.param(
            tonight(invited=100), [*nights(100), Night(day=MONDAY, exit_code=ExitCode.STOPPED)], [],
            id="recovered-before",
        ),
        pytest.param(
            tonight(rows=0), [Night(day=MONDAY, exit_code=ExitCode.UNSETTLED)], ["zero_rows"],
            id="nothing-arrived-is-no-recovery",
        ),
    ],
)  # fmt: skip
def test_what_is_told_of_a_night(night: Night, history: list[Night], kinds: list[str]) -> None:
    assert [alert.kind for alert in alerts_of(night, history)] == kinds


def test_a_good_night_is_told_of_where_somebody_asked_for_it() -> None:
    good = Night(day=MONDAY, run_id="r", rows=5, outcomes={Outcome.INVITED: 5}, facts=("host: h",))
    assert alerts_of(good, []) == []
    [report] = alerts_of(good, [], reports_good=True)
    assert (report.kind, report.severity) == (AlertKind.REPORT, Severity.INFO)
    assert report.sentence == "a good night: 5 rows: 5 invited; nobody is needed"
    assert report.facts == good.facts
    bad = Night(day=MONDAY, run_id="r", exit_code=ExitCode.UNSETTLED, rows=5)
    assert AlertKind.REPORT not in {one.kind for one in alerts_of(bad, [], reports_good=True)}
    assert AlertKind.REPORT not in AlertSettings().alert_kinds
    assert AlertKind.REPORT in AlertSettings(notify_on="report,failed").alert_kinds


def test_every_kind_can_happen() -> None:
    seen = {
        alert.kind
        for night, history in (
            (tonight(4, unknown=1, invalid=1), []),
            (replace(tonight(invited=1), token_due="soon"), []),
            (tonight(rows=0), []),
            (tonight(rows=10, seconds=9_999.0), [*nights(100, 100, 100)]),
            (tonight(), [Night(day=MONDAY, exit_code=ExitCode.UNSETTLED)]),
            (Night(day=MONDAY, exit_code=ExitCode.USAGE, trouble=Trouble.FAULT), []),
        )
        for alert in alerts_of(night, history, reports_good=True)
    }

    seen.add(chase(3, 10, days=3).kind)
    assert seen == set(AlertKind) - {AlertKind.PREFECT_AWAY}  # told where the run is started


def test_a_file_that_could_not_be_read_needs_repair() -> None:
    night = Night(
        day=MONDAY, run_id="r", exit_code=ExitCode.NEEDS_REPAIR, rows=5, unreadable_files=2
    )

    (alert,) = alerts_of(night, [])

    assert alert.kind is AlertKind.NEEDS_REPAIR
    assert alert.sentence.startswith("2 files could not be read;")


def test_an_event_is_counts_and_a_run_id() -> None:
    (alert,) = alerts_of(tonight(3, invited=99, unknown=1), [])

    event = alert.as_event()

    assert event["kind"] == "unsettled"
    assert event["severity"] == Severity.ERROR
    assert (event["run_id"], event["rows"], event["unknown"], event["exit_code"]) == (
        "r",
        100,
        1,
        3,
    )
    assert all(isinstance(value, str | int | float) for value in event.values())


@pytest.mark.parametrize(
    ("history", "limit"),
    [
        pytest.param(nights(1, 1), None, id="too-few-nights"),
        pytest.param(nights(1, 1, 1, seconds=60.0), LEAST_OVERRUN_SECONDS, id="short-nights"),
        pytest.param(nights(1, 1, 1, seconds=3_600.0), 10_800.0, id="three-times-the-usual"),
        pytest.param(
            [*nights(1, 1, 1, seconds=3_600.0), Night(day=date(2026, 1, 1), seconds=90_000.0)],
            10_800.0, id="the-longest-left-out",
        ),
        pytest.param(
            [*nights(1, 1), Night(day=date(2026, 1, 1), exit_code=None, seconds=1.0)], None,
            id="a-crashed-night-tells-nothing",
        ),
    ],
)  # fmt: skip
def test_a_run_overruns_after_far_more_than_the_usual(
    history: list[Night], limit: float | None
) -> None:
    assert overrun_after_seconds(history) == limit


def test_the_alert_of_a_run_that_goes_on_says_how_long() -> None:
    alert = overrun("r", seconds=10_900.0, limit=10_800.0)

    assert alert.sentence.startswith("the run takes 3.0 h so far")
    assert alert.counts == {"seconds": 10_900.0, "limit_seconds": 10_800.0}


def test_three_nights_make_a_history() -> None:
    assert FEWEST_NIGHTS == 3


def test_a_token_that_ends_is_told_beside_the_morning_report() -> None:
    night = replace(tonight(invited=100), token_due="the API token expires at …")

    alerts = alerts_of(night, [], reports_good=True)

    assert [alert.kind for alert in alerts] == [AlertKind.TOKEN_EXPIRES, AlertKind.REPORT]
    assert alerts[0].severity is Severity.WARNING


def test_files_that_may_not_be_opened_need_a_person() -> None:
    [alert] = alerts_of(replace(tonight(invited=100), closed=("a.csv", "b.csv")), [])

    assert alert.kind is AlertKind.NEEDS_REPAIR
    assert alert.sentence == (
        "in the inbox lies what cannot be taken: a.csv, b.csv; let the user of the service read "
        "and move it, or rename it as said below"
    )
