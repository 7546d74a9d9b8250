"""Rows beside earlier runs: which position a key is, which name is new, who is somebody else."""

import polars as pl
import pytest

from jobmojito_batch.columns import ORDINAL, SOURCE
from jobmojito_batch.ledger import PEOPLE_SCHEMA, KnownPosition
from jobmojito_batch.pipeline.earlier_people import others_of_rows
from jobmojito_batch.pipeline.known_places import KnownNames, Place, adoptions, with_ledger
from jobmojito_batch.pipeline.requisitions import KnownId, Pair, Standing, standing
from jobmojito_batch.plan import ACCOUNT, PLACE, POSITION

DEVELOPER = KnownId(frozenset({"developer"}), frozenset({"dev"}), "Developer")


@pytest.mark.parametrize(
    ("name", "known", "is_apart", "has_others", "expected"),
    [
        pytest.param("tester", None, False, False, Standing.AGREES, id="new"),
        pytest.param("tester", None, False, True, Standing.SEVERAL, id="two-in-one-input"),
        pytest.param("developer", DEVELOPER, False, True, Standing.AGREES, id="its-own"),
        pytest.param("tester", DEVELOPER, False, False, Standing.RENAMED, id="another"),
        pytest.param("dev", DEVELOPER, False, False, Standing.AS_BEFORE, id="invited-under-it"),
        pytest.param("tester", DEVELOPER, True, False, Standing.APART, id="confirmed"),
        pytest.param("tester", KnownId(frozenset()), False, False, Standing.AGREES, id="nameless"),
    ],
)
def test_what_an_id_is_beside_a_name(
    name: str, known: KnownId | None, is_apart: bool, has_others: bool, expected: Standing
) -> None:
    pair = Pair("a", "J1", name, name.title(), 0, "people.csv", 2, to_go=1)

    assert standing(pair, known, is_apart=is_apart, has_others=has_others) is expected


def test_rows_that_cannot_be_sent_ask_nobody() -> None:
    pair = Pair("a", "J1", "tester", "Tester", 0, "people.csv", 2, to_go=0)

    assert standing(pair, DEVELOPER, is_apart=False, has_others=False) is Standing.AGREES


def a_position(number: int) -> KnownPosition:
    return KnownPosition(
        position_id=number, position_def_set_id=f"p-{number}", is_opened=True, is_unresolved=False
    )


def names(
    *, by_name: int | None = None, beside: tuple[int, ...] = (), have_ids: tuple[int, ...] = ()
) -> KnownNames:
    return KnownNames(
        by_name={} if by_name is None else {"dev": a_position(by_name)},
        beside_ids={"dev": {number: a_position(number) for number in beside}},
        have_ids=frozenset(have_ids),
    )


@pytest.mark.parametrize(
    ("keys", "known", "expected"),
    [
        pytest.param(["name:dev"], names(beside=(7,)), {0: 7}, id="a-name-of-one-id"),
        pytest.param(["name:dev"], names(beside=(7, 8)), {}, id="a-name-of-two-ids"),
        pytest.param(["ext:J1"], names(by_name=7), {0: 7}, id="an-id-of-a-name"),
        pytest.param(["ext:J1"], names(by_name=7, have_ids=(7,)), {}, id="the-name-has-an-id"),
        pytest.param(["ext:J1", "ext:J2"], names(by_name=7), {}, id="two-ids-of-a-name"),
        pytest.param(["id:p-7"], names(by_name=7, beside=(7,)), {}, id="an-id-of-the-api"),
    ],
)
def test_which_position_a_new_key_belongs_to(
    keys: list[str], known: KnownNames, expected: dict[int, int]
) -> None:
    places = [Place(number, "a", key, "dev") for number, key in enumerate(keys)]

    adopted = adoptions(places, {}, known)

    assert {number: position.position_id for number, position in adopted.items()} == expected


def test_without_a_ledger_one_job_with_and_without_its_id_is_one_position() -> None:
    places = pl.DataFrame(
        {
            PLACE: [0, 1, 2, 3, 4],
            ACCOUNT: ["a"] * 5,
            "position_key": ["name:dev", "ext:J1", "name:cook", "ext:J2", "ext:J3"],
            "opening_key": ["dev", "dev", "cook", "cook", "cook"],
        },
        schema_overrides={PLACE: pl.UInt32},
    )

    positions = with_ledger(places, None)[POSITION].to_list()

    assert positions == [-2, -2, -3, -4, -5]


def beside(
    name: str, known_name: str, *, is_own: bool, ids: tuple[str, str] = ("", "")
) -> pl.DataFrame:
    values = {
        ORDINAL: 0,
        SOURCE: "people.csv",
        POSITION: 1,
        "name": name,
        "id": ids[0] or None,
        "position_id": 1 if is_own else 2,
        "candidate_email": "jobs@agency.example",
        "known_name": known_name,
        "known_external_id": ids[1] or None,
        "known_run": "r",
        "known_source": "people.csv",
        "known_row": 2,
    }
    schema = {ORDINAL: pl.UInt32(), "id": pl.String(), **PEOPLE_SCHEMA}
    return pl.DataFrame([values], schema_overrides=schema)


@pytest.mark.parametrize(
    ("candidates", "is_other"),
    [
        pytest.param(beside("Bob Ray", "Ann Lee", is_own=True), True, id="another-name"),
        pytest.param(beside("Bob Ray", "Ann Lee", is_own=False), True, id="elsewhere"),
        pytest.param(beside("LEE, Ann", "Ann Lee", is_own=True), False, id="another-order"),
        pytest.param(beside("Ann Léé", "Ann M. Lee", is_own=False), False, id="a-word-more"),
        pytest.param(
            beside("Ann Lee", "Ann Lee", is_own=True, ids=("2", "1")), True, id="another-id"
        ),
        pytest.param(
            beside("Ann Lee", "Ann Lee", is_own=False, ids=("2", "1")), False, id="id-elsewhere"
        ),
        pytest.param(
            beside("Ann Lee", "Ann Lee", is_own=True, ids=("2", "")), False, id="no-id-known"
        ),
    ],
)
def test_who_is_somebody_else(candidates: pl.DataFrame, is_other: bool) -> None:
    assert (others_of_rows(candidates).height == 1) is is_other


def test_who_has_an_invitation_of_their_own_keeps_it() -> None:
    own = beside("Ann Lee", "Ann Lee", is_own=True)

    both = pl.concat([own, beside("Ann Lee", "Bob Ray", is_own=False)])

    assert others_of_rows(both).is_empty()
    assert not others_of_rows(both.filter(pl.col("known_name") == "Bob Ray")).is_empty()


def test_ids_that_are_counted_anew_are_not_compared() -> None:
    candidates = beside("Ann Lee", "Ann Lee", is_own=True, ids=("2", "1"))

    assert others_of_rows(candidates, ["people.csv"]).is_empty()
