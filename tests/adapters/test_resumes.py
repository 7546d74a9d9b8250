"""Résumé files: their whole text or a sentence why not; nothing a stranger sends does more harm."""

import io
import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import odfdo
import psutil
import pytest
from docx import Document
from fpdf import FPDF

from jobmojito_batch.intake.resumes import (
    SUFFIXES,
    ResumeFolder,
    ResumeProblem,
    ResumeReader,
    extract,
)
from jobmojito_batch.intake.resumes.extract import tidied

TEXT = "Anna Nováková\n\nNurse, six years."


@pytest.fixture
def reader() -> Iterator[ResumeReader]:
    with ResumeReader(workers=2) as reader:
        yield reader


def pdf(path: Path, *, password: str | None = None, lines: tuple[str, ...] = ("Nurse",)) -> Path:
    document = FPDF()
    document.add_page()
    document.set_font("Helvetica", size=12)
    for line in lines:
        document.cell(text=line)
        document.ln()
    if password is not None:
        document.set_encryption(owner_password="owner", user_password=password)
    document.output(str(path))
    return path


def docx(path: Path) -> Path:
    document = Document()
    document.sections[0].header.paragraphs[0].text = "In the header"
    document.sections[0].footer.paragraphs[0].text = "In the footer"
    document.add_heading("Anna Nováková", 0)
    document.add_paragraph("First of a list", style="List Bullet")
    table = document.add_table(2, 2)
    table.cell(0, 0).text = "In a cell"
    table.cell(1, 0).merge(table.cell(1, 1)).text = "In a wide cell"
    document.add_paragraph("R&D <lead>")
    document.save(str(path))
    return path


W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
LIKE_A_TABLE = (
    "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>2019</w:t></w:r></w:p></w:tc>"
    "<w:tc><w:p><w:r><w:t>Nurse</w:t></w:r></w:p><w:p><w:r><w:t>Ward 7</w:t></w:r></w:p></w:tc>"
    "</w:tr></w:tbl>"
)
LIKE_A_BOX = (
    '<w:p xmlns:mc="urn:mc"><w:r><w:t>Before</w:t></w:r><w:r><mc:AlternateContent>'
    "<mc:Choice><w:txbxContent><w:p><w:r><w:t>Boxed</w:t></w:r></w:p></w:txbxContent></mc:Choice>"
    "<mc:Fallback><w:txbxContent><w:p><w:r><w:t>Boxed</w:t></w:r></w:p></w:txbxContent>"
    "</mc:Fallback></mc:AlternateContent></w:r><w:r><w:t>After</w:t></w:r></w:p>"
)
LIKE_A_CHANGE = (
    "<w:p><w:del><w:r><w:delText>Old</w:delText></w:r></w:del><w:ins><w:r><w:t>New</w:t></w:r>"
    "</w:ins><w:r><w:tab/><w:instrText>PAGE</w:instrText><w:t>line</w:t></w:r></w:p>"
)


def bare_docx(body: str = "", *, main: str = "word/document.xml", space: str = W) -> bytes:
    """The three parts that a .docx needs, and no more; no relationships of the document."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as package:
        package.writestr("[Content_Types].xml", f'<Types xmlns="{TYPES}"/>')
        package.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{LINKS}"><Relationship Id="r1" Type="http://schemas.'
            'openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
            f'Target="/{main}"/></Relationships>',
        )
        package.writestr(
            main.replace("/", "\\") if space == STRICT else main,
            f'<w:document xmlns:w="{space}"><w:body><w:p><w:r><w:t>Anna</w:t></w:r></w:p>{body}'
            "<w:sectPr/></w:body></w:document>",
        )
    return whole.getvalue()


def odt(path: Path) -> Path:
    document = odfdo.Document("text")
    document.body.clear()
    document.body.append(odfdo.Header(1, "Anna Nováková"))
    document.body.append(odfdo.Paragraph("After the heading"))
    table = odfdo.Table("T", 2, 1)
    table.set_value((0, 0), "In a cell")
    document.body.append(table)
    document.body.append(odfdo.List(["First of a list"]))
    document.save(str(path))
    return path


def written(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


READ = [
    pytest.param("a.txt", written(TEXT.encode()), TEXT.split("\n"), id="utf-8"),
    pytest.param("a.txt", written(TEXT.encode("utf-16")), TEXT.split("\n"), id="utf-16"),
    pytest.param("a.md", written(TEXT.encode("cp1250")), ["Anna Nováková"], id="windows-1250"),
    pytest.param("a.pdf", lambda path: pdf(path, lines=("One", "Two")), ["One", "Two"], id="pdf"),
    pytest.param(
        "a.docx",
        docx,
        ["In the header", "Anna Nováková", "First of a list", "In a cell", "In a wide cell",
         "R&D <lead>", "In the footer"],
        id="docx",
    ),
    pytest.param("a.docx", written(bare_docx()), ["Anna"], id="three-parts"),
    pytest.param(
        "a.docx", written(bare_docx(main="word/document2.xml")), ["Anna"], id="another-main-part"
    ),
    pytest.param("a.docx", written(bare_docx(space=STRICT)), ["Anna"], id="strict-namespace"),
    pytest.param(
        "a.docx", written(bare_docx(LIKE_A_TABLE)), ["Anna", "2019\tNurse\nWard 7"], id="table"
    ),
    pytest.param(
        "a.docx", written(bare_docx(LIKE_A_BOX)), ["Before", "\nBoxed\n", "After"], id="text-box"
    ),
    pytest.param("a.docx", written(bare_docx(LIKE_A_CHANGE)), ["Anna\nNew\tline"], id="changes"),
    pytest.param(
        "a.odt",
        odt,
        ["Anna Nováková", "After the heading", "In a cell", "First of a list"],
        id="odt",
    ),
    pytest.param(
        "a.rtf",
        written(rb"{\rtf1\ansi\ansicpg1250 Nov\'e1kov\'e1 \u269? \par Two\cell Three\cell\row}"),
        ["Nováková č", "Two | Three |"],
        id="rtf",
    ),
    pytest.param(
        "a.html",
        written(
            "<html><head><title>no</title><style>no</style></head><body><h1>Anna\nNováková</h1>"
            "<p>One<br>Two &amp; <b>three</b></p><script>no</script><table><tr><td>x</td><td>y</td>"
            "</tr></table></body></html>".encode()
        ),
        ["Anna Nováková", "One", "Two & three", "x", "y"],
        id="html",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "pieces"), READ)
def test_the_whole_text_of_a_file_is_read_in_order_and_once(
    tmp_path: Path, reader: ResumeReader, name: str, make: Callable[[Path], Path], pieces: list[str]
) -> None:
    [text] = reader.read_all([make(tmp_path / name)])

    assert isinstance(text, str), text
    places = [text.find(piece) for piece in pieces]
    assert -1 not in places
    assert places == sorted(places)
    assert all(text.count(piece) == 1 for piece in pieces if piece)


def bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", b"\0" * (64 << 20))
    return path


def protected_odt(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("META-INF/manifest.xml", "<manifest:encryption-data/>")
    return path


REFUSED = [
    pytest.param("a.pdf", lambda path: pdf(path, lines=()), "scan without text", id="scan"),
    pytest.param("a.pdf", lambda path: pdf(path, password="x"), "password", id="locked-pdf"),
    pytest.param("a.pdf", written(b"%PDF-1.4 and no more"), "broken", id="broken-pdf"),
    pytest.param("a.docx", written(b"no zip"), "broken", id="broken-docx"),
    pytest.param("a.docx", bomb, "absurd size", id="bomb"),
    pytest.param("a.docx", written(bare_docx("<w:p>")), "broken", id="broken-xml"),
    pytest.param(
        "a.docx", written(bytes.fromhex("D0CF11E0A1B11AE1") + b"x" * 99), "password", id="ole"
    ),
    pytest.param("a.odt", protected_odt, "password", id="locked-odt"),
    pytest.param("a.rtf", written(b"Hello"), "broken", id="broken-rtf"),
    pytest.param("a.html", written(b"<html><p> </p></html>"), "no text", id="blank-html"),
    pytest.param("a.txt", written(b"abc\x00def"), "not text", id="nul"),
    pytest.param("a.txt", written(b" \n "), "holds no text", id="blank"),
    pytest.param("a.txt", written(b""), "is empty", id="empty"),
    pytest.param("a.txt", lambda path: path, "may not be read", id="gone"),
]


@pytest.mark.parametrize(("name", "make", "said"), REFUSED)
def test_a_file_without_text_is_a_sentence_that_quotes_nothing(
    tmp_path: Path, reader: ResumeReader, name: str, make: Callable[[Path], Path], said: str
) -> None:
    [problem] = reader.read_all([make(tmp_path / name)])

    assert isinstance(problem, ResumeProblem)
    assert any(words in str(problem) for words in said.split("|")), problem
    assert str(tmp_path) not in str(problem)


def test_a_file_over_the_limit_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 2000)
    with ResumeReader(max_file_bytes=1000) as reader:
        [problem] = reader.read_all([tmp_path / "a.txt"])

    assert "MiB are read" in str(problem)


def test_files_come_in_order_and_a_bad_one_costs_itself(tmp_path: Path) -> None:
    paths = []
    for number in range(12):
        path = tmp_path / f"{number}.txt"
        path.write_bytes(b"" if number % 5 == 0 else f"text {number}".encode())
        paths.append(path)
    with ResumeReader(workers=3) as reader:
        texts = reader.read_all([*paths, paths[1]])

    assert [number for number, text in enumerate(texts) if isinstance(text, ResumeProblem)] == [
        0,
        5,
        10,
    ]
    assert texts[7] == "text 7"
    assert texts[-1] == "text 1"


def endless(path: Path) -> Path:
    """A pipe that nobody writes to: whoever reads it waits."""
    os.mkfifo(path)
    return path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("text")
    slow = pdf(tmp_path / "slow.pdf")
    with ResumeReader(workers=1, seconds=0.0) as reader:
        [problem] = reader.read_all([slow])
    with ResumeReader(workers=1) as reader:
        [text] = reader.read_all([tmp_path / "good.txt"])

    assert "takes longer" in str(problem)
    assert text == "text"


def readers() -> list[psutil.Process]:
    """The workers that read, among whatever else this process has started."""
    script = extract.__file__
    return [one for one in psutil.Process().children() if script in one.cmdline()]


def test_a_reader_that_dies_costs_the_file_it_was_at(tmp_path: Path) -> None:
    """Killed for real, in the middle of a file."""
    endless(tmp_path / "hang.fifo")
    hang = tmp_path / "hang.txt"
    hang.symlink_to("hang.fifo")
    good = tmp_path / "good.txt"
    good.write_text("text")
    with ResumeReader(workers=1, max_file_bytes=1000) as reader:
        reader.read_all([good])
        [worker] = readers()
        killer = threading.Timer(0.3, os.kill, (worker.pid, signal.SIGKILL))
        killer.start()
        # A pipe has no size, so it is handed to the worker behind the check.
        place = reader._idle.get()
        assert place is not None
        answer = place.ask(hang, seconds=30)
        reader._idle.put(place if place.is_alive else None)
        [text] = reader.read_all([good])
        killer.join()

    assert "makes its reader fail" in answer["problem"]
    assert text == "text"


def test_a_file_that_needs_too_much_memory_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(b"word " * (4 << 20))
    with ResumeReader(workers=1, memory_bytes=48 << 20, max_file_bytes=1 << 30) as reader:
        [problem] = reader.read_all([tmp_path / "big.txt"])

    assert isinstance(problem, ResumeProblem)
    assert "memory" in str(problem) or "reader fail" in str(problem)


def test_no_process_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with ResumeReader(workers=2) as reader:
        reader.read_all([tmp_path / "a.txt"])
        pids = [child.pid for child in readers()]
        assert pids
    deadline = time.monotonic() + 120
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert not any(map(psutil.pid_exists, pids))


@pytest.fixture
def folder(tmp_path: Path) -> ResumeFolder:
    root = tmp_path / "résumés"
    (root / "more").mkdir(parents=True)
    for name in ("Anna.pdf", "more/ben.txt", "7.txt", "x@example.com.docx", "two.txt", "two.pdf"):
        (root / name).write_text("text")
    (tmp_path / "secret.txt").write_text("text")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "notes.xyz").write_text("text")
    return ResumeFolder(root)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Anna.pdf", "Anna.pdf"),
        ("anna.PDF", "Anna.pdf"),
        ("more/ben.txt", "ben.txt"),
        ("more\\ben.txt", "ben.txt"),
        ("./7.txt", "7.txt"),
    ],
)
def test_a_cell_names_a_file_of_the_folder(folder: ResumeFolder, name: str, found: str) -> None:
    assert folder.path_of(name).name == found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../secret.txt", "leaves the folder"),
        ("more/../../secret.txt", "leaves the folder"),
        ("/etc/passwd", "leaves the folder"),
        ("C:\\secret.txt", "leaves the folder"),
        ("\\\\server\\share\\x.txt", "leaves the folder"),
        ("link.txt", "link out of"),
        ("nobody.pdf", "no file of that name"),
        ("more", "no file"),
        ("x" * 5000, "no file of that name"),
        ("notes.xyz", ".xyz is not read"),
    ],
)
def test_a_name_that_leads_to_no_resume_says_why(
    folder: ResumeFolder, name: str, said: str
) -> None:
    with pytest.raises(ResumeProblem, match=said):
        folder.path_of(name)


def test_a_folder_is_listed_with_its_subfolders_and_nothing_outside(folder: ResumeFolder) -> None:
    """`link.txt` leads out, `notes.xyz` is no résumé; a link to a folder is not followed."""
    root = folder.path_of("7.txt").parent
    (root / "loop").symlink_to(root)
    (root / "Jana.DOC").write_text("text")
    (root / "._7.txt").write_text("text")
    (root / os.fsdecode(b"Nov\xe1k.md")).write_text("as an old archive leaves it")
    deep = root.joinpath("1", "2", "3", "4")
    deep.mkdir(parents=True)
    (deep / "deep.txt").write_text("text")

    found = folder.listing()

    assert {(folder.relative(one.path), one.folder) for one in found.files} == {
        ("7.txt", ""), ("Anna.pdf", ""), ("Jana.DOC", ""), ("more/ben.txt", "more"),
        ("two.pdf", ""), ("two.txt", ""), ("Nov\ufffdk.md", ""), ("x@example.com.docx", ""),
    }  # fmt: skip
    assert [one.path.name for one in found.files if not one.is_read] == ["Jana.DOC"]
    assert (found.unseen, found.others) == (3, 1)


def test_tidying_drops_no_word() -> None:
    assert tidied("a \r\nb\x07\x0c\n\n\n\n\tc  d\n") == "a\nb\n\n\tc  d"


def test_the_suffixes_are_those_of_the_contract_with_the_user() -> None:
    assert {".txt", ".md", ".pdf", ".docx", ".odt", ".rtf", ".html"} <= SUFFIXES
