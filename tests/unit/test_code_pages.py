"""Which page a short text has: right, or known not to be known."""

import pytest

from jobmojito_batch.intake.code_pages import guess


def lines_of(*names: str) -> str:
    return "".join(f"{name};a{n}@example.org;Tester\n" for n, name in enumerate(names))


@pytest.mark.parametrize(
    ("codec", "names"),
    [
        pytest.param("cp1252", ["Maëlle Høj", "Ángel Åkesson", "Ilse Ñíguez"], id="mixed-western"),
        pytest.param("cp1252", ["Günther Schäfler", "Björn Lößnitz"], id="german"),
        pytest.param("cp1252", ["Þórdís Ægisdóttir", "Guðbjörg Hlíðdal"], id="icelandic"),
        pytest.param(
            "cp1252", ["Begoña Ibáñez; nº 4, 1ª planta", "Mª Ángela Piñero"], id="spanish"
        ),
        pytest.param("cp1250", ["Matjaž Kovačič", "Špela Žgajnar"], id="slovene"),
        pytest.param("cp1250", ["Łukasz Wróblewiński", "Zdzisław Pędziwiatr"], id="polish"),
        pytest.param("iso8859_2", ["Ondřej Šťovíček", "Žaneta Píchová"], id="czech-iso"),
        pytest.param("cp1250", ["Győző Böszörményi", "Szűcs Béla"], id="hungarian"),
        pytest.param("cp1251", ["Вячеслав Кузнецов", "Людмила Шишкина"], id="russian"),
        pytest.param("cp1251", ["Цветелина Ангелова", "Здравко Джамбазов"], id="bulgarian"),
        pytest.param("cp1251", ["Соломія Кіндратюк", "Євгенія Підгірна"], id="ukrainian"),
        pytest.param("cp1253", ["Γεώργιος Παπαχρήστου", "Άγγελος Ξηροτύρης"], id="greek"),
        pytest.param("cp1254", ["Şükrü Öztabak", "İrfan Gülışık"], id="turkish"),
        pytest.param("iso8859_9", ["Yağız Çavuşoğlu", "Işıl Kırmızıgül"], id="turkish-iso"),
        pytest.param("cp1257", ["Žydrūnas Čiurlys", "Rūta Šukytė"], id="lithuanian"),
        pytest.param("iso8859_13", ["Jānis Bērzkalns", "Līga Šķēle"], id="latvian-iso"),
    ],
)
def test_two_or_three_names_tell_the_page(codec: str, names: list[str]) -> None:
    text = lines_of(*names)

    found = guess(text.encode(codec))

    assert found.is_sure
    assert text.encode(codec).decode(found.page.codec) == text


def test_pages_that_give_the_same_text_are_no_doubt() -> None:
    """Müller is the same on four Windows pages."""
    found = guess(lines_of("Jürgen Müller").encode("cp1250"))

    assert found.is_sure
    assert found.page.name == "Windows-1252"


def test_a_word_that_two_pages_read_as_well_is_a_doubt_with_both_readings() -> None:
    found = guess(lines_of("Ana Grđan").encode("cp1250"))

    assert not found.is_sure
    assert {"Windows-1250", "Windows-1252"} <= {page.name for page in (found.page, *found.others)}
    assert {"Windows-1250: Grđan", "Windows-1252: Grðan"} <= set(found.examples)
    assert "Gr" not in repr(found)


def test_countries_in_the_file_are_evidence() -> None:
    without = guess("Mosè Rossi;a@example.org;X\n".encode("cp1252"))
    beside = guess("Mosè Rossi;a@example.it;Italy\n".encode("cp1252"))

    assert (without.page.name, beside.page.name) == ("Windows-1250", "Windows-1252")


@pytest.mark.parametrize("codec", ["koi8_r", "cp866", "iso8859_5", "mac_cyrillic"])
def test_a_page_that_is_not_read_unasked_is_named(codec: str) -> None:
    text = lines_of("Вячеслав Кузнецов", "Людмила Шишкина")

    found = guess(text.encode(codec))

    assert not found.is_sure
    assert text.encode(codec).decode(found.page.codec) == text


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        pytest.param("shift_jis", "鈴木 花子", id="japanese"),
        pytest.param("gbk", "王小明 工程师", id="chinese"),
        pytest.param("cp874", "สมชาย ใจดี", id="thai"),
    ],
)
def test_what_is_no_language_we_know_is_a_doubt(codec: str, name: str) -> None:
    assert not guess(lines_of(name, name[::-1]).encode(codec)).is_sure
