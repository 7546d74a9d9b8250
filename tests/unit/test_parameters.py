"""What a run is asked for: which of it decides what the rows of a file become."""

from jobmojito_batch.parameters import READING, InviteParameters

ELSE = frozenset(
    {
        "base_url",
        "environment",
        "errors",
        "expect_at_most",
        "freeze_mapping",
        "inbox",
        "inputs",
        "keep_days",
        "known_headers",
        "ledger",
        "first",
        "limit",
        "max_credits",
        "max_in_flight",
        "rate",
        "repairs_fail",
        "results",
        "results_folder",
        "retry_until",
        "settle",
        "shard_folder",
        "shards",
        "summary",
        "time_zone",
        "volume_guard",
    }
)
"""Parameters that change nothing of a row: where it goes, when, how many, under which account."""


def test_every_parameter_is_of_the_reading_or_is_not() -> None:
    """A new one has to say which: a content is done with only as it was read."""
    assert set(READING) | ELSE == set(InviteParameters.model_fields)
    assert not set(READING) & ELSE


def test_what_is_read_in_another_way_is_another_reading() -> None:
    plain = InviteParameters(inputs=["in"], inbox=True)

    assert plain.reading == plain.model_copy(update={"limit": 3}).reading
    for change in (
        {"mapping": {"Wer": "candidate_name"}},
        {"values": {"position_name": "Cook"}},
        {"sheet": "People"},
        {"encoding": "Windows-1250"},
        {"hidden_rows": True},
        {"header_row": 3},
        {"resumes": "cv"},
        {"positions": "jobs.csv"},
    ):
        assert plain.model_copy(update=change).reading != plain.reading
