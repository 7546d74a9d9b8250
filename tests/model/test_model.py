"""
The life of an invitation as a state machine: claims, sends, silences, crashes, settling, resends.

jobmojito_batch.simulation plays it; here hypothesis chooses what happens and makes what failed
short. `prove` draws the same kinds of lives from numbers, by the thousand. PROFILE=soak is long.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobmojito_batch.simulation import (
    ClocksDiffer,
    Fate,
    Life,
    Looking,
    PositionsDeleted,
    Sending,
    TimePasses,
    live,
)
from jobmojito_batch.simulation.server import SETTLE
from jobmojito_batch.simulation.steps import CLOCKS, MOST_FATES, MOST_LEFT, WAITS

fates = st.one_of(
    st.just(Fate("answer")),
    st.builds(Fate, st.just("answer"), seconds=st.sampled_from([0.1, 3.0, 9.0])),
    st.just(Fate("never_left", happens=False)),
    st.builds(
        Fate,
        st.just("lost"),
        happens=st.booleans(),
        seconds=st.sampled_from([0.2, 5.0, 60.0]),
        effect_after=st.sampled_from([0.0, 1.0, SETTLE - 12.0, SETTLE - 1.0]),
    ),
    st.builds(
        Fate,
        st.just("status"),
        happens=st.booleans(),
        status=st.sampled_from([409, 500, 504, 546]),
        effect_after=st.just(0.0),
    ),
    st.builds(
        Fate,
        st.just("refused"),
        happens=st.just(False),
        status=st.sampled_from([429, 503, 422, 402]),
        retry_after=st.sampled_from([None, "2"]),
        field=st.sampled_from([None, "candidate_resume", "position_name"]),
    ),
)
scripts = st.lists(fates, max_size=MOST_FATES)
moments = st.one_of(st.none(), st.floats(0.0, 40.0))


class Lives(RuleBasedStateMachine):
    """Runs of one input against one ledger and one API."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()

    def teardown(self) -> None:
        try:
            if not self.life.violations:
                self.life.end()
            assert not self.life.violations
        finally:
            self.life.close()

    @rule(script=scripts, kill_at=moments)
    def a_run(self, script: list[Fate], kill_at: float | None) -> None:
        self.life.play(Sending(script=script, kill_at=kill_at))

    @rule(script=scripts, kill_at=moments)
    def two_runs_at_once(self, script: list[Fate], kill_at: float | None) -> None:
        self.life.play(Sending(script=script, runs=2, kill_at=kill_at))

    @rule(script=scripts, kill_at=moments)
    def a_run_beside_reconcile(self, script: list[Fate], kill_at: float | None) -> None:
        self.life.play(Sending(script=script, reconciles=True, kill_at=kill_at))

    @rule()
    def reconcile(self) -> None:
        self.life.play(Sending(runs=0, reconciles=True))

    @rule(
        script=scripts,
        stop_at=st.floats(0.0, 30.0),
        drain=st.sampled_from([None, 0.0, 2.0]),
    )
    def a_run_that_is_told_to_end(
        self, script: list[Fate], stop_at: float, drain: float | None
    ) -> None:
        self.life.play(Sending(script=script, stop_at=stop_at, drain_seconds=drain))

    @rule(script=scripts, cap=st.integers(0, MOST_LEFT))
    def a_run_under_a_cap(self, script: list[Fate], cap: int) -> None:
        self.life.play(Sending(script=script, cap=cap))

    @rule(script=scripts, left=st.integers(0, MOST_LEFT))
    def two_runs_under_a_days_cap(self, script: list[Fate], left: int) -> None:
        self.life.play(Sending(script=script, runs=2, left_today=left))

    @rule()
    def positions_are_deleted_in_the_admin(self) -> None:
        self.life.play(PositionsDeleted())

    @rule(seconds=st.sampled_from(CLOCKS))
    def the_clocks_differ(self, seconds: float) -> None:
        self.life.play(ClocksDiffer(seconds))

    @rule(seconds=st.sampled_from(WAITS))
    def time_passes(self, seconds: float) -> None:
        self.life.play(TimePasses(seconds))

    @rule()
    def looking_is_forbidden(self) -> None:
        self.life.play(Looking(is_allowed=False))

    @precondition(lambda self: not self.life.server.may_look)
    @rule()
    def looking_is_allowed_again(self) -> None:
        self.life.play(Looking(is_allowed=True))

    @invariant()
    def every_promise_holds(self) -> None:
        """Promise has them: nobody twice, no position twice, caps, rate, true outcomes, an end."""
        assert not self.life.violations


def test_a_drain_cuts_off_what_is_sent_once_more_as_it_does_first_calls() -> None:
    """Its settle time counts from the end of the drain, so nothing may be sent after that."""
    life = Life()
    try:
        lost = Fate("lost", happens=False, seconds=0.2)
        life.play(Sending(script=[lost], stop_at=1.0))
        life.play(TimePasses(120.0))
        late = Fate("lost", seconds=5.0, effect_after=SETTLE - 1.0)
        life.play(Sending(script=[late, late], stop_at=1.5, drain_seconds=0.0))
        life.play(Sending())
        assert life.server.effects[life.input.people[0]] == 1
        assert not life.violations
    finally:
        life.close()


def test_what_was_called_undone_and_is_sent_once_more_is_unknown_if_it_is_cut_off() -> None:
    """Its position's doubt was settled first, and the row was told that it may be sent again."""
    life = Life()
    conflict = Fate("status", status=409)
    lost, limited = Fate("lost", seconds=0.2), Fate("refused", happens=False, status=429)
    try:
        life.play(Sending(script=[conflict], runs=2, left_today=1))
        life.play(Sending(script=[lost, limited, Fate("answer")], kill_at=22.5))
        life.play(Sending(cap=1))
        life.play(Sending(stop_at=22.5, drain_seconds=0.0))
        life.play(Sending())
        assert not life.violations
    finally:
        life.close()


def test_lives_drawn_from_numbers_break_no_promise() -> None:
    """A few of those that `prove` lives."""
    assert {seed: live(seed).violations for seed in range(SEEDS)} == dict.fromkeys(range(SEEDS), ())


PROFILE = os.environ.get("PROFILE", "")
EXAMPLES = {"soak": 20_000, "quick": 50, "big": 1500}.get(PROFILE, 100)
SEEDS = {"soak": 1_000, "quick": 30}.get(PROFILE, 150)

TestLife = Lives.TestCase
TestLife.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=6,
    deadline=None,
    derandomize="PROFILE" not in os.environ,  # the same lives in every `make test`
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
