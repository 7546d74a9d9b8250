"""
The texts of letters: those that come with the program, or a folder of somebody's own.

One file for each language and step, `de.invited.txt`: a line `Subject: …`, a blank line, the text.
`{{ name }}` and the like are filled in by Jinja2, in its sandbox.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from html import escape
from importlib import resources
from pathlib import Path
from typing import Final, Self

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from jobmojito_batch.columns import LetterStep
from jobmojito_batch.contract import LANGUAGE_CODES
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.publish import written_whole

FALLBACK: Final = "en"
_HTML_CODES: Final = {"br": "pt-BR", "no": "nb"}
"""What HTML calls the platform's languages, where it is not the platform's code."""
_SUBJECT: Final = re.compile(
    r"\s*subject\s*:[ \t]*(\S[^\n]*)\n\s*\n(.*\S)\s*", re.IGNORECASE | re.DOTALL
)
_NAME: Final = re.compile(r"([a-z]{2,3})\.([a-z_]+)\.txt")
_PREVIEW: Final = 120
"""Letters of a text that mail programs show beside the subject: a link there is seen by others."""
_MOST_NAMED: Final = 10
_LINK: Final = "link"

_jinja: Final = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    autoescape=False,
    keep_trailing_newline=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What may stand in a text: one person's, no repr shows it."""

    name: str
    first_name: str
    email: str
    position: str
    link: str
    external_id: str
    sender: str

    def __repr__(self) -> str:
        return "<Values>"

    def as_mapping(self) -> dict[str, str]:
        """By the names of the placeholders."""
        return {name: getattr(self, name) for name in PLACEHOLDERS}


PLACEHOLDERS: Final = tuple(field.name for field in fields(Values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What one person is told; no repr shows it."""

    subject: str
    text: str
    html: str

    def __repr__(self) -> str:
        return "<Letter>"


@dataclass(frozen=True)
class Text:
    """The text of a step in a language."""

    language: str
    subject: str
    body: str
    source: str
    """Its file, for messages."""

    @classmethod
    def read(cls, source: str, language: str, content: str) -> Self:
        """The text of a file. Raises SettingsError."""
        parts = _SUBJECT.fullmatch(content.removeprefix("\ufeff").replace("\r\n", "\n"))
        if parts is None:
            raise SettingsError(
                f"{source}: a letter begins with a line `Subject: …`, then a blank line, then the "
                "text"
            )
        text = cls(language, parts[1].strip(), parts[2], source)
        text.check()
        return text

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """The names that it has filled in."""
        return frozenset().union(*map(_names_in, (self.subject, self.body)))

    def check(self) -> None:
        """Raises SettingsError where it could not be filled in, or would show a link too early."""
        try:
            unknown = sorted(self.placeholders - set(PLACEHOLDERS))
        except TemplateSyntaxError as exc:
            raise SettingsError(f"{self.source}: {exc.message}; {_HOW}") from None
        if unknown:
            raise SettingsError(f"{self.source}: nothing is known of {', '.join(unknown)}; {_HOW}")
        if _LINK not in _names_in(self.body):
            raise SettingsError(f"{self.source}: the text has no {{{{ link }}}}")
        if _LINK in _names_in(self.subject) or len(_before_link(self.body)) < _PREVIEW:
            raise SettingsError(
                f"{self.source}: the link would show in the list of messages, and it opens the "
                f"interview; put {{{{ link }}}} after the first {_PREVIEW} letters of the text"
            )

    def blanks(self, values: Values) -> list[str]:
        """Placeholders of it that would be blank."""
        return sorted(name for name in self.placeholders if not getattr(values, name).strip())

    def letter(self, values: Values) -> Letter:
        """It, filled in. Raises SettingsError."""
        given = values.as_mapping()
        try:
            subject = _template(self.subject).render(given)
            text = _template(self.body).render(given).strip() + "\n"
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as exc:
            why = type(exc).__name__  # its words may quote a person
            raise SettingsError(f"{self.source}: cannot be filled in ({why}); {_HOW}") from None
        return Letter(
            subject=" ".join(subject.split()),
            text=text,
            html=_as_html(text, values.link, _HTML_CODES.get(self.language, self.language)),
        )


_HOW: Final = "placeholders are " + ", ".join(f"{{{{ {name} }}}}" for name in PLACEHOLDERS)


def _names_in(template: str) -> set[str]:
    return meta.find_undeclared_variables(_jinja.parse(template))


def _template(text: str) -> Template:
    return _jinja.from_string(text)


def _before_link(body: str) -> str:
    """The text before the link, in the fewest letters: as if every placeholder were blank."""
    before = re.split(r"\{\{\s*link\b", body, maxsplit=1)[0]
    return " ".join(re.sub(r"\{[{%#].*?[}%#]\}", "", before, flags=re.DOTALL).split())


def _as_html(text: str, link: str, language: str) -> str:
    """The same words as the plain text, the link as one that can be clicked."""
    anchor = f'<a href="{escape(link)}">{escape(link)}</a>'
    paragraphs = [
        "<p>{}</p>".format(escape(part).replace(escape(link), anchor).replace("\n", "<br>\n"))
        for part in re.split(r"\n\s*\n", text.strip())
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head><meta charset="utf-8"></head>\n<body>\n'
        + "\n".join(paragraphs)
        + "\n</body>\n</html>\n"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The texts of one step by language; one that is not there is taken from English."""

    by_language: Mapping[str, Text]

    def of(self, language: str | None) -> Text:
        """The text for somebody with that language."""
        return self.by_language.get(language or FALLBACK) or self.by_language[FALLBACK]


def texts_of(step: LetterStep, folder: Path | None = None) -> Texts:
    """Those that come with the program, or those of a *folder*. Raises SettingsError."""
    if folder is None:
        contents: Iterable[tuple[str, str]] = _own_contents()
    else:
        contents = _contents_of(folder)
    texts = {
        name.partition(".")[0]: Text.read(
            name if folder is None else str(folder / name), name.partition(".")[0], content
        )
        for name, content in contents
        if name.split(".")[1] == step
    }
    if FALLBACK not in texts:
        raise SettingsError(
            f"{folder}: there is no {FALLBACK}.{step}.txt, which is for everybody whose language "
            "has no text of its own; `jobmojito-batch letters --write-templates FOLDER` gives one"
        )
    return Texts(by_language=texts)


def write_templates(folder: Path) -> list[Path]:
    """Put the program's texts into a folder, to be changed there. Raises SettingsError."""
    contents = list(_own_contents())
    existing = [name for name, _ in contents if (folder / name).exists()]
    if existing:
        raise SettingsError(
            f"{folder}: {existing[0]} is there already, and may have been changed; choose another "
            "folder, or remove it first"
        )
    _make(folder)
    for name, content in contents:
        with written_whole(folder / name) as path:
            path.write_text(content, encoding="utf-8")
    return [folder / name for name, _ in contents]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise SettingsError(f"{folder}: cannot be made ({exc.strerror}); choose another") from None


def _own_contents() -> Iterator[tuple[str, str]]:
    templates = resources.files("jobmojito_batch.letters") / "templates"
    for file in sorted(templates.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".txt"):
            yield file.name, file.read_text("utf-8")


def _contents_of(folder: Path) -> Iterator[tuple[str, str]]:
    """The texts of a folder; a file that none knows is a slip, and would silently do nothing."""
    if not folder.is_dir():
        raise SettingsError(f"{folder}: is no folder; --templates names one with your texts")
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.suffix.lower() != ".txt":
            continue
        _check_name(file)
        try:
            yield file.name, file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(
                f"{file}: cannot be read as UTF-8 text ({type(exc).__name__}); save it as that"
            ) from None


def _check_name(file: Path) -> None:
    name = _NAME.fullmatch(file.name)
    if name is None or name[1] not in LANGUAGE_CODES or name[2] not in set(LetterStep):
        raise SettingsError(
            f"{file}: is no text of a letter by its name; it is LANGUAGE.STEP.txt with a step of "
            f"{', '.join(LetterStep)} and a language of {', '.join(LANGUAGE_CODES)}"
        )


def check_filled(texts: Sequence[tuple[Text, Values, str]]) -> None:
    """
    Raises SettingsError where a placeholder of a text is blank for somebody.

    Each is a text, what fills it, and where the person stands: that is what the error names.
    """
    blank: dict[str, list[str]] = {}
    for text, values, where in texts:
        for name in text.blanks(values):
            blank.setdefault(name, []).append(where)
    if not blank:
        return
    sentences = [
        f"{{{{ {name} }}}} is blank for {', '.join(rows[:_MOST_NAMED])}"
        + (f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else "")
        for name, rows in blank.items()
    ]
    raise SettingsError(
        f"{'; '.join(sentences)}. Nothing was written: fill it in the input, or take it out of the "
        "text (--write-templates, --templates)"
    )
