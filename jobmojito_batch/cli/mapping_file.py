"""
How an export is read, kept in a TOML file: what --mapping reads and --save-mapping writes.

[columns] says which header is which field, [values] what --set gives, [reading] the options that
say how a file is read, and `headers`: those that the files had, so that a change is noticed.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import KEPT, KEPT_PATHS, InviteParameters

if TYPE_CHECKING:  # they are loaded by whoever reads inputs
    from jobmojito_batch.pipeline import Inputs

HEADERS: Final = "headers"
_TABLES: Final = ("columns", "values", "reading")
_COMMENT: Final = (
    '# How these exports are read, for --mapping. In [columns] "" ignores a column, in [values] a\n'
    '# "FIELD!" goes into every row; headers are those that the files had when this was saved.'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingFile:
    """What a mapping file says."""

    columns: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)
    """Parameters among KEPT."""
    headers: list[list[str]] = field(default_factory=list)

    def beneath(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters that say what options *given* say, else what the file does."""
        fills = given.get("values", {})
        said = {name.removesuffix("!") for name in fills}  # be it for blank cells or for every row
        kept = {
            name: text for name, text in self.values.items() if name.removesuffix("!") not in said
        }
        return {
            **given,
            **{name: value for name, value in self.reading.items() if not given.get(name)},
            "values": kept | fills,
            "mapping": self.columns | given.get("mapping", {}),
            "known_headers": self.headers,
        }


def read_mapping(file: Path) -> MappingFile:
    """What *file* says. Raises SettingsError."""
    content = _toml(file)
    if not set(_TABLES) & set(content):
        raise SettingsError(
            f'--mapping {file}: needs a table [columns] with lines such as "Stelle" = '
            '"position_name", or one of [values] and [reading]'
        )
    _check_names(file, "", content, _TABLES)
    for name in _TABLES:
        if not isinstance(content.get(name, {}), dict):
            raise SettingsError(f"--mapping {file}: [{name}] is no table")
    reading = dict(content.get("reading", {}))
    headers = _read_as(file, HEADERS, list[list[str]], reading.pop(HEADERS, []))
    return MappingFile(
        columns=_read_as(file, "columns", dict[str, str], content.get("columns", {})),
        values={
            name: _text(file, name, value) for name, value in content.get("values", {}).items()
        },
        reading=_reading(file, reading),
        headers=headers,
    )


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise SettingsError(f"--mapping {file}: cannot be read ({exc.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"--mapping {file}: is no TOML file ({exc})") from None


def _check_names(file: Path, where: str, names: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(
            f"--mapping {file}: there is no {where}{unknown[0]}; there are {', '.join(known)}"
        )


def _reading(file: Path, reading: dict[str, Any]) -> dict[str, Any]:
    _check_names(file, "[reading] ", reading, (*KEPT, HEADERS))
    given = {
        name: _read_as(file, name, InviteParameters.model_fields[name].annotation, value)
        for name, value in reading.items()
    }
    return {
        name: _from_beside(value, file.parent) if name in KEPT_PATHS else value
        for name, value in given.items()
    }


def _read_as(file: Path, name: str, kind: Any, value: Any) -> Any:  # noqa: ANN401 - TOML has any
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as exc:
        fault = exc.errors()[0]
        at = ".".join(map(str, fault["loc"]))
        raise SettingsError(
            f"--mapping {file}: {name}{f' {at}' if at else ''}: {fault['msg'].lower()}"
        ) from None


def _text(file: Path, name: str, value: Any) -> str:  # noqa: ANN401 - TOML has any
    """A value as --set would have it: `true` and `3` need no quotes in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise SettingsError(f"--mapping {file}: [values] {name}: write the value in quotes")


def _from_beside(text: str, folder: Path) -> str:
    return text if _has_its_place(text) else str(folder / text)


def _has_its_place(text: str) -> bool:
    return "://" in text or text.startswith("~") or Path(text).is_absolute()


# Writing


def save_mapping(target: Path, inputs: "Inputs", parameters: InviteParameters) -> str:
    """
    Write to *target* how these inputs were read, and all that the mapping before said of others.

    *parameters* are those that were asked for, dates not put in. Gives what was written, in words.
    Raises what `written_whole` raises.
    """
    columns = inputs.mapping_beside(parameters.mapping)
    headers = _layouts([*parameters.known_headers, *inputs.headers])
    reading = {name: getattr(parameters, name) for name in KEPT if getattr(parameters, name)}
    lines = [_COMMENT, "[columns]", *_lines(columns)]
    if parameters.values:
        lines += ["", "[values]", *_lines(parameters.values)]
    lines += ["", "[reading]"]
    for name, value in reading.items():
        lines.append(f"{name} = {_toml_value(_to_beside(name, value, target))}")
    lines += [f"{HEADERS} = [", *(f"    {_toml_value(layout)}," for layout in headers), "]"]
    from jobmojito_batch.publish import written_whole

    with written_whole(target) as path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    parts = [_count(columns, "column")]
    parts += [_count(parameters.values, "value")] if parameters.values else []
    return f"{target}: {', '.join([*parts, *reading])}; --mapping {target} reads it"


def _layouts(headers: Sequence[Sequence[str]]) -> list[list[str]]:
    """Each set of headers once."""
    layouts = {
        frozenset(layout): [text for text in layout if text.strip()] for layout in reversed(headers)
    }
    return list(reversed(layouts.values()))


def _lines(table: Mapping[str, str]) -> list[str]:
    return [f"{_toml_value(name)} = {_toml_value(value)}" for name, value in table.items()]


def _toml_value(value: Any) -> str:  # noqa: ANN401 - whatever a parameter holds
    # A JSON string is a TOML basic string, save for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _to_beside(name: str, value: Any, target: Path) -> Any:  # noqa: ANN401
    """A path so that it is found from where the file is."""
    if name not in KEPT_PATHS or "://" in value or value.startswith("~"):
        return value
    path, folder = Path(value).absolute(), target.absolute().parent
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _count(things: Mapping[str, str], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
