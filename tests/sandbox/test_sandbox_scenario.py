"""The scenario file: what it may say, and how its mistakes are told."""

from pathlib import Path

import pytest

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.sandbox import Scenario, load_scenario
from jobmojito_batch.sandbox.request_record import Endpoint

EVERYTHING = """
seed = 7
latency = 0.2
position_latency = 1.5
credits = 3
tokens = ["one", "two"]
decisions = { ai_accept = 1, ai_reject = 1 }
statuses = { "ann@example.com" = "ai_reject" }
merchants = ["0A6F626D-0000-4000-8000-000000000002"]
merchant_status = { invitations_available = 6.6, credits_interview_monthly = "null" }
unreadable_dates = ["Ann@example.com"]

[[positions]]
name = "Cook"
external_id = 17

[[enrolments]]
email = "old@example.com"
position = "Cook"

[[faults]]
call = 3
status = 429
retry_after = 7

[[faults]]
endpoint = "any"
emails = ["ann@example.com"]
disconnect = "after"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "scenario.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_file_is_read_into_a_scenario(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, EVERYTHING))
    assert (scenario.seed, scenario.credits, scenario.seconds_to_open) == (7, 3, 1.5)
    assert scenario.positions[0].external_id == "17"
    assert scenario.merchants == ("0a6f626d-0000-4000-8000-000000000002",)
    assert scenario.merchant_status == {
        "invitations_available": 6.6,
        "credits_interview_monthly": None,
    }
    assert scenario.unreadable_dates == {"ann@example.com"}
    late, dropped = scenario.faults
    assert (late.call, late.retry_after, late.endpoint) == ((3,), "7", Endpoint.CREATE)
    assert (dropped.endpoint, dropped.does_work) == (None, True)


def test_seed_and_latency_of_the_caller_win(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, EVERYTHING), seed=1, latency=0)
    assert (scenario.seed, scenario.latency) == (1, 0)
    assert load_scenario(seed=5).seed == 5


def test_without_a_file_the_day_is_friendly() -> None:
    assert load_scenario() == Scenario()


def test_results_have_a_row_for_each_step_unless_said() -> None:
    """As in the real list: what reads it must not count rows as enrolments."""
    assert Scenario().rows_per_enrolment == 2


def test_opening_a_position_takes_twice_the_latency_unless_said() -> None:
    assert Scenario(latency=0.5).seconds_to_open == 1.0
    assert Scenario(latency=0.0).seconds_to_open > 0
    assert Scenario(position_latency=0.0).seconds_to_open == 0


def test_no_repr_shows_a_token() -> None:
    assert "hush" not in repr(Scenario.model_validate({"tokens": ["hush"]}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("latecny = 1", "scenario.toml: latecny: Extra inputs are not permitted"),
        ("latency = -1", "scenario.toml: latency: Input should be greater than"),
        ("latency = 'x'\ncredits = 'y'", r"\(and 1 more\)"),
        ("latency = ", "scenario.toml: is not TOML"),
        ("[[faults]]\nstatus = 500\n[[faults]]\nstatsu = 500", "faults 2 statsu: Extra inputs"),
        ("[[faults]]\ncall = 1", "faults 1: does nothing; give status"),
        (
            "[[faults]]\nstatus = 500\ndisconnect = 'after'",
            "faults 1: status and disconnect cannot go together",
        ),
        ("[[faults]]\ndisconnect = 'never'", "faults 1 disconnect: Input should be"),
        ("[[faults]]\ngarbage = 'plastic'", "faults 1 garbage: Input should be"),
        ("[[faults]]\ndisconnect = 'after'\nwhen = 'after'", "faults 1: when goes with"),
        ("[[faults]]\nhang = 1\nmessage = 'x'", "faults 1: message needs a status"),
        ("[[faults]]\ncall = 0\nstatus = 500", "faults 1 call 1: Input should be greater"),
        ("[[faults]]\nendpoint = 'nowhere'\nstatus = 500", "faults 1 endpoint: Input should be"),
        ("decisions = { ai_accept = 0 }", "decisions: needs a weight above 0"),
        ("merchant_id = 'm-1'", "merchant_id: a merchant's id is a UUID"),
        ("merchant_status = { credits = 1 }", "merchant_status credits"),
        ("merchant_status = { invitations_sent = nan }", "merchant_status invitations_sent"),
        ("rows_per_enrolment = 3", "rows_per_enrolment: Input should be 1 or 2"),
        ("idle_close_seconds = 0", "idle_close_seconds: Input should be greater"),
        ("decisions = { perhaps = 1 }", "decisions perhaps"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_place(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(SettingsError, match=expected) as caught:
        load_scenario(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_mistake_never_shows_the_value(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_scenario(written(tmp_path, "tokens = [{ hush = 1 }]"))
    assert "hush" not in str(caught.value)


def test_a_missing_file_is_told() -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read"):
        load_scenario(Path("/nowhere/none.toml"))
