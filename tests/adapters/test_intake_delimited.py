"""What a person's CSV holds is what the frame holds, with the row numbers of their editor."""

from pathlib import Path

import polars as pl
import pytest

from jobmojito_batch.columns import OVERFLOW_SEPARATOR
from jobmojito_batch.errors import InputError
from jobmojito_batch.intake import (
    NoRowsError,
    RaggedRowsError,
    delimited,
    dialect,
    encodings,
    input_faults,
    precheck,
    wrapped,
)
from jobmojito_batch.records import Detected, Table
from tests.helpers import tables_of

Cells = tuple[object, ...]
NEXT = OVERFLOW_SEPARATOR


def read(path: Path, content: bytes) -> Table:
    path.write_bytes(content)
    return tables_of(path)[0]


def rows_of(table: Table) -> list[Cells]:
    """Row number, cells, overflow; a blank cell is None."""
    with input_faults(table.source):
        frame = table.frame.collect(engine="streaming")
    return [tuple(cell or None for cell in row) for row in frame.iter_rows()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


CONTENTS = [
    pytest.param(b"a,b\n1,2\n", [(2, "1", "2", None)], id="plain"),
    pytest.param(b"\xef\xbb\xbfa,b\n1,2", [(2, "1", "2", None)], id="bom-and-no-last-line-end"),
    pytest.param(b'\xef\xbb\xbf"a","b"\n1,2', [(2, "1", "2", None)], id="bom-before-a-quote"),
    pytest.param(b"a,b\r\n1,2\r\n", [(2, "1", "2", None)], id="crlf"),
    pytest.param(b'a,b\r1,"x\ry"\r', [(2, "1", "x\ry", None)], id="old-macintosh"),
    pytest.param(
        b'a,b\n1,"x\ny"\n3,4\n', [(2, "1", "x\ny", None), (3, "3", "4", None)], id="lines"
    ),
    pytest.param(b'a,b\n1,"say ""hi"""\n', [(2, "1", 'say "hi"', None)], id="doubled-quotes"),
    pytest.param(
        b"a,b\n\n1,2\n\n\n3,4\n\n", [(3, "1", "2", None), (6, "3", "4", None)], id="blank"
    ),
    pytest.param(b"\n\na,b\n1,2\n", [(4, "1", "2", None)], id="blank-lines-above-the-header"),
    pytest.param(b'a,b\n"", \n,\n1,2\n', [(4, "1", "2", None)], id="rows-of-blank-cells"),
    pytest.param(b"a,b\n1\n", [(2, "1", None, None)], id="short-row"),
    pytest.param(b"a,b\n1,2,\n", [(2, "1", "2", None)], id="trailing-delimiter"),
    pytest.param(b"a,b\n1,2,3\n", [(2, "1", "2", "3")], id="one-cell-too-many"),
    pytest.param(b"a,b\n1,2,,3\n", [(2, "1", "2", f"{NEXT}3")], id="overflow-behind-a-gap"),
    pytest.param(
        b"a,b\n1,2" + b"," * 40 + b"z\n", [(2, "1", "2", NEXT * 39 + "z")], id="a-very-long-gap"
    ),
    pytest.param(
        b'a,b\n1,2,"x,y",4, ,\n', [(2, "1", "2", f"x,y{NEXT}4{NEXT} ")], id="cells-too-many"
    ),
    pytest.param(
        b"a,b,,\n1,2,,\n3,4,,\n5,6,,7\n",
        [(2, "1", "2", None), (3, "3", "4", None), (4, "5", "6", f"{NEXT}7")],
        id="too-much-under-trailing-delimiters",
    ),
    pytest.param(b'a,b\n1,5" pipe\n', [(2, "1", '5" pipe', None)], id="stray-quote"),
    pytest.param(
        b'a,b\n1,5" pipe\n\n"x\ny",6" pipe,7\n',
        [(2, "1", '5" pipe', None), (4, "x\ny", '6" pipe', "7")],
        id="stray-quotes-that-pair-up",
    ),
    pytest.param(b"a\nx\n\ny\n", [(2, "x", None), (4, "y", None)], id="one-column"),
    pytest.param("a,b\n1,Zoë\n".encode(), [(2, "1", "Zoë", None)], id="utf-8"),
]


@pytest.mark.parametrize(("content", "expected"), CONTENTS)
def test_rows_are_read_as_a_person_sees_them(
    file: Path, content: bytes, expected: list[Cells]
) -> None:
    assert rows_of(read(file, content)) == expected


# The exact reader gives a carriage return inside a cell as a line feed, which is what it means.
EXACT = [each for each in CONTENTS if each.id != "old-macintosh"]


@pytest.mark.parametrize(("content", "expected"), EXACT)
def test_the_exact_reader_and_the_fast_one_agree(
    file: Path, content: bytes, expected: list[Cells], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of the two reads a file must not show in what is read."""
    odd = precheck.Soundness(has_stray_quotes=True, has_long_gaps=True)
    monkeypatch.setattr(delimited, "check_text", lambda *_: odd)

    assert rows_of(read(file, content)) == expected


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        pytest.param(b"a,b\n1,2\n", ",", id="comma"),
        pytest.param(b"a;b\n1,5;2\n", ";", id="semicolon-with-decimal-commas"),
        pytest.param(b"a\tb\n1,5\t2;3\n", "\t", id="tab"),
        pytest.param(b"a|b\n1|2\n", "|", id="pipe"),
        pytest.param(b'a,b\n"x;y;z","p;q;r"\n', ",", id="others-inside-quotes"),
        pytest.param(b"Name, first;E-mail\nLee, Ann;x\nRoe, Jo;y\n", ";", id="comma-in-each-row"),
        pytest.param(b"a,b,c\n1\n1,2\n1,2,3,4\n", ",", id="ragged"),
        pytest.param(b"email\nx@example.com\n", ",", id="one-column"),
    ],
)
def test_the_delimiter_is_found_out(file: Path, content: bytes, delimiter: str) -> None:
    assert read(file, content).delimiter == delimiter


def test_headers_stay_as_written(file: Path) -> None:
    """Double and blank headers too: the errors file has to look like the input."""
    assert read(file, b"Name ,Name,,\n1,2,3,4\n").headers == ("Name ", "Name", "", "")


def test_trailing_delimiters_make_no_columns(file: Path) -> None:
    """Some programs end every line with a delimiter; there is nothing to carry below it."""
    table = read(file, b"name;email;;\nAnn;x@example.com;;\n")

    assert table.headers == ("name", "email")
    assert rows_of(table) == [(2, "Ann", "x@example.com", None)]


def test_the_frame_has_the_columns_of_a_table(file: Path) -> None:
    schema = read(file, b"row,overflow\n1,2\n").frame.collect_schema()

    assert dict(schema) == {
        "row": pl.UInt32,
        "cell:0": pl.String,
        "cell:1": pl.String,
        "overflow": pl.String,
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n \n", "nothing but blanks", id="blank"),
        pytest.param(b"a,b\n", "no rows", id="header-only"),
        pytest.param(b"a,b\n,\n\n", "no rows", id="header-and-blank-rows"),
        pytest.param("a,b\né,2\n3,".encode() + b"\xe9\n", "row 3 holds a byte", id="stray-byte"),
        pytest.param(
            'a,b\n"é\n\n",2\n3,'.encode() + b"\xe9\n", "row 3 holds", id="row-behind-line-break"
        ),
        pytest.param("a,b\né,é".encode()[:-1], "row 2 holds", id="half-a-character-at-the-end"),
        pytest.param(b"a,b\nM\xfcller \x81\n", "row 2 holds.*Windows-125", id="not-windows-1252"),
        pytest.param(bytes(range(256)) * 4, "is not text", id="binary"),
        pytest.param(b"%PDF-1.7\n1 0 obj", "is not text", id="pdf"),
        pytest.param(b'a,b\n1,2\n3,"4\n5,6\n', "row 3 has a quote", id="open-quote"),
        pytest.param(b'a,b\n1,"2', "row 2 has a quote", id="open-quote-at-the-end"),
        pytest.param(b'"a,b\n1,2\n', "row 1 has a quote", id="open-quote-in-the-header"),
        pytest.param(b'a,b\n1,"2"x\n', "row 2 has a quote", id="text-behind-a-closing-quote"),
        pytest.param(b'a,b\n1,"x,3\n4,"y",3\n', "quote", id="quotes-that-pair-up-wrongly"),
    ],
)
def test_what_cannot_be_read_is_one_line_about_the_file(
    file: Path, content: bytes, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        rows_of(read(file, content))

    assert str(caught.value).startswith("people.csv: ")
    assert "\n" not in str(caught.value)


def test_messages_about_broken_quotes_show_no_cell(file: Path) -> None:
    """Polars quotes the text it stumbles over, which is a person."""
    with pytest.raises(InputError) as caught:
        rows_of(read(file, b'name,email\nAnn,"ann@example.com\nJo,"jo@example.com",\n'))

    assert "example.com" not in str(caught.value)


def test_a_header_longer_than_the_sample_is_called_an_open_quote(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "SAMPLE_BYTES", 16)

    with pytest.raises(InputError, match="header does not end"):
        read(file, b'"' + b"x" * 50 + b'"\n1\n')


def test_a_cell_may_be_longer_than_the_sample(file: Path) -> None:
    resume = "x" * (dialect.SAMPLE_BYTES + 1)
    table = read(file, f'a,b\n1,"{resume}"\n3,4\n'.encode())

    assert rows_of(table) == [(2, "1", resume, None), (3, "3", "4", None)]


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7])
def test_the_check_finds_the_same_across_block_borders(
    file: Path, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precheck, "BLOCK_BYTES", block_bytes)
    for content, stray, gap in [
        (b'a,b\n1,"x ""y"" z"\n"""q""",2\n', False, False),
        (b'a,b\n1,5" pipe\n', True, False),
        (b"a,b\n1,2,,,,,,,,,3\n", False, True),
    ]:
        file.write_bytes(content)
        form = dialect.dialect_of(content, "x", {}, is_whole=True)
        found = precheck.check_text(file, "x", form, spare_columns=8)

        assert (found.has_stray_quotes, found.has_long_gaps) == (stray, gap)


def test_many_rows_keep_their_numbers_and_order(file: Path) -> None:
    """Polars splits large files between threads; quoted line breaks must not confuse it."""
    lines = "".join(f'{n},"line\n\n""break"" {n}"\n' if n % 3 else "\n" for n in range(2, 30_001))
    frame = read(file, f"id,text\n{lines}".encode()).frame.collect(engine="streaming")

    assert frame["row"].cast(pl.String).to_list() == frame["cell:0"].to_list()
    assert frame.height == 19_999


def test_the_exact_reader_is_lazy_too(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Head, filter and projection reach it through polars."""
    monkeypatch.setattr(delimited, "CHUNK_ROWS", 3)
    content = "id,size\n" + "".join(f'{n},{n}" pipe\n' for n in range(2, 12))
    frame = read(file, content.encode()).frame

    assert frame.head(5).collect()["cell:0"].to_list() == ["2", "3", "4", "5", "6"]
    assert frame.filter(pl.col("cell:0") == "9").select("row").collect().rows() == [(9,)]


ACCENTS = (
    "Meno;E-mail;Pozícia\nŠimon Ďurica;s@example.com;Účtovník\nĽubomír Žáček;l@example.com;Šéf\n"
)
UMLAUTS = "Vorname;Nachname;E-Mail\nJürgen;Müller;j@example.com\nKäthe;Weiß;k@example.com\n"


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        pytest.param(ACCENTS, "utf-8", "UTF-8", id="utf-8"),
        pytest.param(ACCENTS, "utf-8-sig", "UTF-8", id="utf-8-with-mark"),
        pytest.param(ACCENTS, "utf-16", "UTF-16 LE", id="utf-16-with-mark"),
        pytest.param("\ufeff" + ACCENTS, "utf-16-be", "UTF-16 BE", id="utf-16-be-with-mark"),
        pytest.param(ACCENTS, "utf-16-le", "UTF-16 LE", id="utf-16-without-mark"),
        pytest.param(ACCENTS, "cp1250", "Windows-1250", id="windows-1250"),
        pytest.param(ACCENTS, "iso8859-2", "ISO-8859-2", id="iso-8859-2"),
        pytest.param(UMLAUTS, "cp1252", "Windows-1252", id="windows-1252"),
    ],
)
def test_the_encoding_is_found_out(file: Path, text: str, codec: str, name: str) -> None:
    table = read(file, text.encode(codec))
    lines = text.removeprefix("\ufeff").splitlines()

    assert table.detected == Detected(kind="CSV", encoding=name, delimiter=";", header_row=1)
    assert table.headers == tuple(lines[0].split(";"))
    assert [row[1:-1] for row in rows_of(table)] == [tuple(each.split(";")) for each in lines[1:]]


@pytest.mark.parametrize("said", ["UTF-16", "UTF-32"])
def test_an_encoding_that_is_said_and_wrong_is_an_error_of_the_input(file: Path, said: str) -> None:
    file.write_bytes(UMLAUTS.encode())

    with pytest.raises(InputError, match=r"people\.csv: .*not UTF-"):
        tables_of(file, encoding=said)


def test_utf_16_that_is_said_needs_no_mark(file: Path) -> None:
    file.write_bytes(UMLAUTS.encode("utf-16-be"))

    (table,) = tables_of(file, encoding="UTF-16")
    assert table.detected.encoding == "UTF-16 BE"


def test_a_guessed_encoding_is_said(file: Path) -> None:
    """Names are at stake, and only a person sees that Müller is not Műller."""
    assert "check that the names are right" in " ".join(read(file, UMLAUTS.encode("cp1252")).notes)
    assert read(file, UMLAUTS.encode()).notes == ()


def test_accents_far_into_a_long_file_are_found(file: Path) -> None:
    plain = "".join(f"Ann;Lee;p{n}@example.com\n" for n in range(60_000))
    head, _, tail = UMLAUTS.partition("\n")
    table = read(file, f"{head}\n{plain}{tail}".encode("latin-1"))

    assert table.detected.encoding == "Windows-1252"
    assert rows_of(table)[-1][1:3] == ("Käthe", "Weiß")


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7])
@pytest.mark.parametrize("codec", ["utf-16", "cp1250"])
def test_decoding_does_not_depend_on_block_borders(
    file: Path, block_bytes: int, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encodings, "BLOCK_BYTES", block_bytes)
    table = read(file, ACCENTS.encode(codec))

    assert rows_of(table)[0][1] == "Šimon Ďurica"


def test_nul_bytes_are_left_out_and_said(file: Path) -> None:
    table = read(file, b"name,email\nAn\x00n,x@example.com\n")

    assert rows_of(table) == [(2, "Ann", "x@example.com", None)]
    assert "NUL" in " ".join(table.notes)


def test_copies_in_another_encoding_are_private(file: Path) -> None:
    read(file, ACCENTS.encode("cp1250"))
    [copy] = (file.parent / ".scratch").iterdir()

    assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("extra", [1, 30, 400])
def test_a_row_with_too_many_cells_is_kept_with_what_is_too_much(file: Path, extra: int) -> None:
    content = "name,email\nAnn,x@example.com\nJo,y@example.com" + ",more" * extra + "\n"
    table = read(file, content.encode())
    try:
        rows = rows_of(table)
    except RaggedRowsError:
        rows = rows_of(tables_of(file, is_ragged=True)[0])

    assert rows == [
        (2, "Ann", "x@example.com", None),
        (3, "Jo", "y@example.com", NEXT.join(["more"] * extra)),
    ]


PREAMBLES = [
    pytest.param(
        'Notes:\n"When exporting, note, that some are missing."\n\n'
        "First Name,Last Name,Email Address\nAnn,Lee,x@example.com\n",
        4,
        id="linkedin-notes",
    ),
    pytest.param(
        "Report of candidates;;\nName;E-Mail;Stelle\nAnn Lee;x@example.com;Nurse\n",
        2,
        id="title-row",
    ),
    pytest.param("sep=;\nName;E-Mail\nAnn;x@example.com\n", 2, id="excel-separator-line"),
    pytest.param(
        "Candidate;;Job\nName;E-Mail;Job title\nAnn;x@example.com;Nurse\n", 2, id="groups"
    ),
    pytest.param("Foo;Bar\nAnn;x@example.com\nName;E-Mail\n", 3, id="below-unknown-words"),
    pytest.param("Foo;Bar\n1;2\n3;4\n", 1, id="nothing-recognised"),
    pytest.param("Title\nFoo;Bar;Baz\n1;2;3\n3;4;5\n", 2, id="title-and-unknown-words"),
]


@pytest.mark.parametrize(("content", "row"), PREAMBLES)
def test_the_header_is_found_below_a_preamble(file: Path, content: str, row: int) -> None:
    table = read(file, content.encode() + b"last;row\n")

    assert table.detected.header_row == row
    assert rows_of(table)[0][0] == row + 1


def test_what_stands_above_the_header_is_said(file: Path) -> None:
    table = read(file, b"Report\n\nName;E-Mail\nAnn;x@example.com\n")

    assert table.notes == ("rows 1 to 2 are left out: the header is row 3",)


def test_a_header_that_only_map_knows_is_found(file: Path) -> None:
    file.write_bytes(b"Report;of;today\nWer;Wohin\nAnn;x@example.com\n")
    overrides = {"Wer": "candidate_name", "Wohin": "candidate_email"}

    assert tables_of(file, overrides=overrides)[0].detected.header_row == 2


@pytest.mark.parametrize(
    ("last", "is_left_out"),
    [
        pytest.param("Total;;2", True, id="total"),
        pytest.param("Summe: 2;;", True, id="with-colon"),
        pytest.param("Spolu 2;;", True, id="with-number"),
        pytest.param("Total;total@example.com;", False, id="a-person-called-total"),
        pytest.param("Total Recall;;x", False, id="other-words"),
    ],
)
def test_a_row_of_totals_at_the_end_is_left_out_and_said(
    file: Path, last: str, *, is_left_out: bool
) -> None:
    table = read(file, f"Name;E-Mail;Age\nAnn;x@example.com;30\n{last}\n\n".encode())

    assert len(rows_of(table)) == (1 if is_left_out else 2)
    assert bool(table.notes) == is_left_out


TABLE = "Name;E-Mail;Age;City;Job\nAnn;x@example.com;30;Wien;Nurse\nJo;y@example.com;31;Graz;Cook\n"


@pytest.mark.parametrize(
    ("below", "left"),
    [
        pytest.param(
            "\nRecruiting pipeline\nGenerated by: P. Primer\n", [], id="after-a-blank-line"
        ),
        pytest.param("\n\nTotal: 5;;;;\n\nExample d.o.o.;;;;\n;;;;\n", [], id="blank-lines-in-it"),
        pytest.param('\n"Two lines\nof one cell"\n', [5], id="with-a-line-break"),
        pytest.param(";;;;\n;;;Vertraulich;\n", [], id="in-any-column"),
        pytest.param("Generated by Petra Primer 25.11.2026\n", [], id="it-says-so-itself"),
        pytest.param("Page 1 of 3\nTotal records: 2\n© 2026 Example Ltd\n", [], id="all-say-so"),
        pytest.param("Total records:;2;;;\nPrinted on;25.11.2026\n", [], id="labels-and-values"),
        pytest.param("Summe;2\nStand: 25.11.2026\n", [], id="a-sum-and-a-date"),
        pytest.param("Filters: Status is Active\nSource: Workday\n", [], id="what-was-asked"),
        pytest.param("Total;;2;;\n\nConfidential\n", [], id="below-a-total"),
        pytest.param("Total: 2 candidates;;;;\n", [], id="a-counted-total"),
        pytest.param("Celkom 2 uchádzači\n", [], id="without-a-colon"),
        pytest.param("Total number of candidates;2;;;\n", [], id="a-total-in-two-cells"),
        pytest.param("Gesamt: 2 Bewerbungen\nSumme Kandidaten: 2\n", [], id="two-totals"),
        pytest.param("Total Recall\n", [4], id="a-name-with-the-word"),
        pytest.param("Soma Kiss;;30;;\n", [4], id="a-name-that-is-a-word-for-it"),
        pytest.param("Total 2;z@example.com;2;;\n", [4], id="a-total-with-an-address"),
        pytest.param("Cid Alvarez\n", [4], id="no-blank-line"),
        pytest.param("\nCid Alvarez\n;;;;Cook\nEva;z@example.com\n", [5, 6, 7], id="people-below"),
        pytest.param("Cid Alvarez\n\nCurriculum vault\n", [4], id="a-row-above-the-blank-line"),
        pytest.param("\nz@example.com;;;;\nConfidential\n", [5], id="an-address-is-somebody"),
        pytest.param("\nEva;;;Bonn;\n", [5], id="two-cells"),
        pytest.param('Eva;z@example.com;;;"Cook\n\nTester\nNight"\n', [4], id="lines-of-a-cell"),
        pytest.param("Report Card;z@example.com;1;Bonn;Cook\n", [4], id="a-person"),
    ],
)
def test_the_footer_of_a_report_is_left_out_and_said(
    file: Path, below: str, left: list[int]
) -> None:
    table = read(file, f"{TABLE}{below}".encode())

    assert [row[0] for row in rows_of(table)] == [2, 3, *left]


def test_a_footer_is_said_with_its_number(file: Path) -> None:
    table = read(file, f"{TABLE}\nA\nB\n\nC\n".encode())

    looks = "the footer of a report, by the looks of it, and no candidates"
    assert table.notes == (f"3 rows from row 5 on are left out: {looks}",)


def test_in_one_column_no_row_is_a_footer_for_being_alone(file: Path) -> None:
    """Each fills one cell there, and neither may be lost."""
    table = read(file, b"E-Mail\nx@example.com\n\ny(at)example.com\nTotal: 2\n")

    assert [row[0] for row in rows_of(table)] == [2, 4]


def test_a_report_of_nobody_has_no_rows(file: Path) -> None:
    with pytest.raises(NoRowsError):
        read(file, b"Name;E-Mail;Job\n\nConfidential\n")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('"Name,E-Mail,Job"\n"Ann,x@example.com,""a, """"b"""""""\n', id="commas"),
        pytest.param('"Name;E-Mail;Job"\r\n\r\n"Zoë;x@example.com;Nurse"', id="blank-line"),
        pytest.param('"Name\tE-Mail\tJob"\n"Ann\tx@example.com\t""a\nb"""\n', id="line-break"),
    ],
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_lines_that_are_one_quoted_cell_each_are_unwrapped_and_said(
    file: Path, text: str, codec: str
) -> None:
    table = read(file, text.encode(codec))
    inner = [row[2] for row in rows_of(table)]

    assert table.headers == ("Name", "E-Mail", "Job")
    assert inner == ["x@example.com"]
    assert wrapped.NOTE in table.notes


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('"Name,E-Mail"\n"Ann,x@example.com"\nJo,y@example.com\n', id="a-line-is-not"),
        pytest.param('"Name","E-Mail"\n"Ann","x@example.com"\n', id="cells"),
        pytest.param('"E-Mail"\n"x@example.com"\n', id="one-column"),
        pytest.param('"E-Mail, if any"\n"x@example.com, y"\n', id="a-comma-in-one-column"),
    ],
)
def test_only_where_all_lines_are_so(file: Path, text: str) -> None:
    assert read(file, text.encode()).notes == ()


@pytest.mark.parametrize(
    ("cell", "row"),
    [
        pytest.param(b"x" * (17 << 20), 3, id="one-line"),
        pytest.param(b'"' + (b"x" * 99 + b"\n") * (170 << 10) + b'"', 3, id="lines-in-quotes"),
        pytest.param(b'"' + b'xyz""' * (5 << 20) + b'"', 3, id="quotes-in-quotes"),
        pytest.param(
            b'"' + (b"x,y" * 33 + b"\n") * (170 << 10), 3, id="a-quote-that-is-not-closed"
        ),
    ],
)
def test_a_cell_that_would_take_all_memory_is_refused_before_it_is_parsed(
    file: Path, cell: bytes, row: int
) -> None:
    file.write_bytes(b"a,b\n1,2\n3," + cell + b"\n5,6\n")

    with pytest.raises(InputError, match=f"people.csv: row {row} is longer than 16 MiB"):
        tables_of(file)


def test_long_cells_and_long_files_are_no_long_rows(file: Path) -> None:
    """Résumés of a megabyte, quoted, over lines, with quotes in them; 20 MB of them."""
    resume = b'"' + b'words ""and"" so on""\n' * 50_000 + b'"'
    file.write_bytes(b"a,b\n" + b"".join(b"%d,%b\n" % (n, resume) for n in range(20)))
    [table] = tables_of(file)

    assert table.frame.select(pl.len()).collect(engine="streaming").item() == 20
