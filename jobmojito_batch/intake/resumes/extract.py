"""
The text of one résumé file. Run as a script, it is the worker: paths in, texts out.

It imports nothing of this package, so that a worker starts in the time of a bare interpreter, and
each library only when a file of its kind comes. What it raises beside Unreadable is caught by the
loop: a résumé comes from a stranger, and whatever a parser makes of it costs that file alone.
"""

import codecs
import json
import os
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

_MOST_UNPACKED_BYTES: Final = 200 << 20
_MOST_UNPACKED_RATIO: Final = 1000
_OLE_MAGIC: Final = bytes.fromhex("D0CF11E0A1B11AE1")
_PDF_PASSWORD: Final = 4
_LEGACY: Final = (
    "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1257",
    "iso-8859-1", "iso-8859-2", "iso-8859-9", "iso-8859-13",
)  # fmt: skip
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLOCKS: Final = frozenset(
    {
        "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav",
        "ol", "p", "pre", "section", "table", "tr", "ul",
    }
)  # fmt: skip
_CELLS: Final = frozenset({"td", "th"})
_NOT_TEXT: Final = frozenset({"head", "script", "style", "noscript", "template"})

# The parts of a .docx beside its body, in the order in which they are given.
_ORDER: Final = {"header": 0, "footer": 1, "footnotes": 2, "endnotes": 3, "comments": 4}
_BESIDE_BODY: Final = "|".join(_ORDER)
_UNSEEN: Final = frozenset(
    {"pPr", "rPr", "sectPr", "tblPr", "trPr", "tcPr", "del", "moveFrom", "instrText", "delText"}
)
_SIGNS: Final = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


class UnreadableError(Exception):
    """A sentence for a person: what is wrong with the file and what to do. Quotes nothing of it."""


def text_of(path: Path) -> str:
    """The tidied text of *path*, whose suffix is a key of READERS. Raises UnreadableError."""
    suffix = path.suffix.lower()
    try:
        text = tidied(READERS[suffix](path))
    except ModuleNotFoundError as exc:
        raise UnreadableError(
            f"reading {suffix} files needs the extra: pip install 'jobmojito-batch[resumes]'"
        ) from exc
    if not text:
        what = "is a scan without text" if suffix == ".pdf" else "holds no text"
        raise UnreadableError(f"the résumé file {what}; {ADVICE}")
    return text


ADVICE: Final = "give a file with text, or put the text into candidate_resume"


def tidied(text: str) -> str:
    """Line breaks as LF, no control characters, no blanks at line ends, one blank line at most."""
    plain = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = "\n".join(line.rstrip() for line in plain.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def _plain_text(path: Path) -> str:
    data = path.read_bytes()
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return _decoded(data[len(mark) :], codec)
    if b"\x00" in data:
        raise UnreadableError(f"the résumé file is not text; {ADVICE}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        import chardet

        guesses = chardet.detect_all(data[:200_000], include_encodings=_LEGACY)
        return _decoded(data, str(guesses[0]["encoding"]) if guesses else "windows-1252")


def _decoded(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as exc:
        raise UnreadableError(
            "the résumé file holds bytes that are no text; save it again as UTF-8"
        ) from exc


def _pdf(path: Path) -> str:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as exc:
        if getattr(exc, "err_code", None) == _PDF_PASSWORD:
            raise _protected() from exc
        raise _broken() from exc
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    except pypdfium2.PdfiumError as exc:
        raise _broken() from exc


def _docx(path: Path) -> str:
    """
    Headers, body, footers, notes, comments, each text once.

    Read here and not by a library: those at hand leave out text boxes, or call a document broken
    that has no more parts than it needs.
    """
    _check_package(path)
    with zipfile.ZipFile(path) as package:
        parts = {name.replace("\\", "/").lower(): name for name in package.namelist()}
        body = _main_part(package, parts)
        beside = re.compile(rf"{re.escape(body.rpartition('/')[0])}/({_BESIDE_BODY})\d*\.xml")
        kind_of = {name: match[1] for name in parts if (match := beside.fullmatch(name))}
        above = sorted(name for name, kind in kind_of.items() if kind == "header")
        below = sorted(kind_of.keys() - set(above), key=lambda name: (_ORDER[kind_of[name]], name))
        texts = [_word_text(package.read(parts[name])) for name in (*above, body, *below)]
    return "\n".join(dict.fromkeys(text for text in texts if text))


def _main_part(package: zipfile.ZipFile, parts: dict[str, str]) -> str:
    """The part that holds the body, in lower case: what the package says, else the usual one."""
    import lxml.etree

    targets = []
    if "_rels/.rels" in parts:
        links = lxml.etree.fromstring(package.read(parts["_rels/.rels"]), _xml_parser())
        targets = [
            str(link.get("Target")).lstrip("/").lower()
            for link in links.iterfind("{*}Relationship")
            if str(link.get("Type")).endswith("/officeDocument")
        ]
    bodies = [name for name in (*targets, "word/document.xml") if name in parts]
    if not bodies:
        raise _broken()
    return bodies[0]


def _xml_parser() -> "object":
    """One that fetches nothing, expands nothing, and refuses absurd depth and length."""
    import lxml.etree

    return lxml.etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def _word_text(xml: bytes) -> str:
    """The text of a part, as it is read: what was struck out or stands there twice is left out."""
    import lxml.etree

    root = lxml.etree.fromstring(xml, _xml_parser())
    walk = lxml.etree.iterwalk(root, events=("start", "end"))
    pieces: list[str] = []
    for event, node in walk:
        name = node.tag.rpartition("}")[2]
        if event == "end":
            _close(name, node, pieces)
        elif name in _UNSEEN or (name == "Fallback" and node.getprevious() is not None):
            walk.skip_subtree()
        elif name == "t":
            pieces.append(node.text or "")
        else:
            pieces.append(_opened(name, node))
    return tidied("".join(pieces))


def _opened(name: str, node: "object") -> str:
    if name == "p" and node.find("{*}pPr/{*}numPr") is not None:  # type: ignore[attr-defined]
        return "- "
    return "\n" if name == "txbxContent" else _SIGNS.get(name, "")


def _close(name: str, node: "object", pieces: list[str]) -> None:
    """A paragraph ends its line; the last one of a cell parts it from the next cell."""
    if name == "p":
        pieces.append("\n")
    elif name == "tc" and node.getnext() is not None and pieces and pieces[-1] == "\n":  # type: ignore[attr-defined]
        pieces[-1] = "\t"


def _odt(path: Path) -> str:
    _check_package(path)
    with zipfile.ZipFile(path) as package:
        if b"encryption-data" in package.read("META-INF/manifest.xml"):
            raise _protected()
    import odfdo

    document = odfdo.Document(path)
    paragraphs = "descendant::text:p|descendant::text:h"
    parts = [
        *document.styles.root.get_elements("//style:header|//style:footer"),
        document.body,
    ]
    return "\n".join(
        paragraph.inner_text for part in parts for paragraph in part.get_elements(paragraphs)
    )


def _rtf(path: Path) -> str:
    data = path.read_bytes()
    if not data.lstrip().startswith(b"{\\rtf"):
        raise _broken()
    from striprtf.striprtf import rtf_to_text

    text: str = rtf_to_text(data.decode("latin-1"), errors="replace")  # type: ignore[no-untyped-call]
    return text.replace("|", " | ")  # how it parts the cells of a table


def _html(path: Path) -> str:
    import lxml.html

    parser = lxml.html.HTMLParser(encoding=None, huge_tree=False)
    text = _plain_text(path)
    root = lxml.html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text), parser=parser)
    return re.sub(r"[ \t]+", " ", "".join(_pieces(root)))


def _pieces(root: "object") -> Iterator[str]:
    """The text of a tree in order; without recursion, since strangers nest deeply."""
    stack: list[object] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
            continue
        tag = node.tag if isinstance(node.tag, str) else ""  # type: ignore[attr-defined]
        tail = _flowing(node.tail)  # type: ignore[attr-defined]
        if not tag or tag in _NOT_TEXT:
            stack.append(tail)
            continue
        edge = "\n" if tag in _BLOCKS else " " if tag in _CELLS else ""
        is_kept = tag == "pre"
        text = node.text or ""  # type: ignore[attr-defined]
        stack += [tail, edge, *reversed(list(node)), text if is_kept else _flowing(text), edge]  # type: ignore[call-overload]


def _flowing(text: str | None) -> str:
    """Line breaks in the source of a page are blanks to its reader."""
    return re.sub(r"\s+", " ", text or "")


def _check_package(path: Path) -> None:
    """Raise UnreadableError where a zipped document is none, protected, or a bomb."""
    with path.open("rb") as file:
        if file.read(8) == _OLE_MAGIC:
            raise _protected()
    try:
        with zipfile.ZipFile(path) as package:
            unpacked = sum(entry.file_size for entry in package.infolist())
    except zipfile.BadZipFile as exc:
        raise _broken() from exc
    most = min(_MOST_UNPACKED_BYTES, max(path.stat().st_size, 1) * _MOST_UNPACKED_RATIO)
    if unpacked > most:
        raise UnreadableError(f"the résumé file unpacks to an absurd size; {ADVICE}")


def _protected() -> UnreadableError:
    return UnreadableError(
        f"the résumé file is protected by a password, or of an older format; {ADVICE}"
    )


def _broken() -> UnreadableError:
    return UnreadableError(f"the résumé file is broken, or not what its suffix says; {ADVICE}")


READERS: Final[dict[str, Callable[[Path], str]]] = {
    ".txt": _plain_text,
    ".md": _plain_text,
    ".pdf": _pdf,
    ".docx": _docx,
    ".odt": _odt,
    ".rtf": _rtf,
    ".html": _html,
    ".htm": _html,
}


def answer(path: Path) -> dict[str, str]:
    """What the worker says of a file: `text`, or `problem`."""
    try:
        return {"text": text_of(path)}
    except UnreadableError as exc:
        return {"problem": str(exc)}
    except MemoryError:
        return {"problem": f"the résumé file takes too much memory to read; {ADVICE}"}
    except OSError:
        return {"problem": "the résumé file may not be read; check its permissions"}
    except Exception:  # noqa: BLE001 - whatever a parser raises on a stranger's file
        return {"problem": str(_broken())}


def limit_memory(more_bytes: int) -> None:
    """Let this process grow by *more_bytes* and no further, where the system can say so."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + more_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (ImportError, OSError, ValueError):
        return  # Windows, macOS: the time limit stays


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer each line of *requests*, a path as JSON, by a line of *answers*, until they end."""
    for line in requests:
        answers.write(json.dumps(answer(Path(json.loads(line)))) + "\n")
        answers.flush()


def main() -> None:
    """Serve on the standard streams; whatever a library prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    limit_memory(int(sys.argv[1]))
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
