"""Text that was encoded twice."""

import polars as pl
import pytest

from jobmojito_batch.normalise import may_be_twice, undone


@pytest.mark.parametrize(
    ("text", "page"),
    [
        pytest.param("Ángel Muñoz", "cp1252", id="western"),
        pytest.param("Große Straße – Österreich", "cp1252", id="german"),
        pytest.param("Côte d’Ivoire", "cp1252", id="quotes"),
        pytest.param("à l’étranger", "latin-1", id="latin-1"),
        pytest.param("José Müller", "cp1250", id="read-as-eastern"),
        pytest.param("Иван Петров", "cp1252", id="cyrillic-read-as-western"),
        pytest.param("Мария Иванова", "cp1251", id="cyrillic-read-as-cyrillic"),
    ],
)
def test_the_way_back_is_gone(text: str, page: str) -> None:
    twice = "".join(
        bytes([byte]).decode(page, "ignore") or chr(byte) for byte in text.encode("utf-8")
    )
    frame = pl.DataFrame({"a": [None, "Ann", twice]})

    assert frame.select(may_be_twice(pl.col("a")))["a"].to_list() == [None, False, True]
    assert frame.select(undone(pl.col("a")))["a"].to_list() == [None, "Ann", text]


@pytest.mark.parametrize(
    "text",
    ["JOÃO", "SÃO PAULO", "IRMÃ…", "Âge", "CHÂTEAU", "Åsa", "Ñíguez", "Сім років", "Ângela", "Zoë"],
)
def test_what_may_be_meant_stays(text: str) -> None:
    assert pl.DataFrame({"a": [text]}).select(undone(pl.col("a")))["a"][0] == text
