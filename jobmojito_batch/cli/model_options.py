"""
From a model to the command line: `takes` makes its fields the options of a command.

Names, help and bounds are those of the field and its Option (`parameters.py`); shapes go by its
type: a field without a default is an argument, a bool a switch, which switches off what is on by
default, and a dict of texts a repeatable NAME=VALUE.
"""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from rich.markup import escape

from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import Option

M = TypeVar("M", bound=BaseModel)


def takes(
    model: type[M], make: Callable[..., M], *, but: Collection[str] = ()
) -> Callable[[Callable[Concatenate[M, ...], int]], Callable[..., int]]:
    """
    Give a command a *model* first, which *make* makes of what its options were given.

    There is one for each field that has an Option, save those in *but*; what *make* and the command
    take beside the fields are options, too.
    """
    asked = [field.parameter() for field in asked_fields(model) if field.name not in but]
    of_make = [*asked, *_own_parameters(make)]

    def decorate(command: Callable[Concatenate[M, ...], int]) -> Callable[..., int]:
        _, *of_command = _own_parameters(command)

        @functools.wraps(command)
        def run(**given: Any) -> int:  # noqa: ANN401 - typer has checked them
            instance = make(**{parameter.name: given[parameter.name] for parameter in of_make})
            own = {parameter.name: given[parameter.name] for parameter in of_command}
            return command(instance, **own)

        every = [each for each in of_make if each not in of_command] + of_command
        run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
        return run

    return decorate


def _own_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Those that it names, by keyword."""
    return [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedField:
    """A field of a model, as the command line asks for it."""

    name: str
    field: FieldInfo
    option: Option

    @property
    def names(self) -> tuple[str, ...]:
        """As it is written on the command line; the last one in sentences."""
        prefix = "--no-" if self._is_on_by_default else "--"
        return self.option.names or (prefix + self.name.replace("_", "-"),)

    @property
    def _is_on_by_default(self) -> bool:
        return self.field.annotation is bool and self.field.default is True

    @property
    def _is_pairs(self) -> bool:
        return self.field.annotation == dict[str, str]

    def parameter(self) -> inspect.Parameter:
        """It as a parameter of a command's function."""
        kind: Any = self.field.annotation
        default = self.field.default
        if self.field.is_required():
            default = inspect.Parameter.empty
        elif self._is_on_by_default:
            default = False
        elif self._is_pairs:
            kind, default = list[str] | None, None
        annotation = Annotated[kind, self.info()]
        return inspect.Parameter(
            self.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )

    def info(self) -> Any:  # noqa: ANN401 - as typer types it
        """What typer is told of it."""
        metavar, text = (
            self.option.metavar,
            escape(self.option.help or self.field.description or ""),
        )
        if self.field.is_required() or self.option.is_argument:
            return typer.Argument(metavar=metavar, help=text, show_default=False)
        low, high = self._bound("ge"), self._bound("le")
        return typer.Option(*self.names, metavar=metavar, help=text, min=low, max=high)

    def _bound(self, name: str) -> Any:  # noqa: ANN401 - int or float, as the field
        bounds = [getattr(mark, name) for mark in self.field.metadata if hasattr(mark, name)]
        return bounds[0] if bounds and self.option.must is None else None

    def value(self, given: Any) -> Any:  # noqa: ANN401 - of the field's type
        """What the field is to be if the option was given this. Raises SettingsError."""
        if self._is_on_by_default:
            return not given
        return self._pairs(given or ()) if self._is_pairs else given

    def _pairs(self, texts: Sequence[str]) -> dict[str, str]:
        values: dict[str, str] = {}
        option = self.names[-1]
        for text in texts:
            part = text.rpartition if self.option.value_holds_no_equals else text.partition
            name, sign, value = (piece.strip() for piece in part("="))
            if not sign or not name:
                raise SettingsError(
                    f'{option} {text}: write it as {option} "{self.option.metavar}"'
                )
            if name in values:
                raise SettingsError(f"{option} {name}: given twice; keep one")
            values[name] = value
        return values

    def sentence(self, fault: Any) -> str:  # noqa: ANN401 - pydantic's dict
        """What is wrong with what the option was given."""
        if self.option.must is None:
            return f"{self.names[-1]}: {fault.get('ctx', {}).get('error', fault['msg'])}"
        value = fault["input"]
        shown = f"{value:g}" if isinstance(value, float) else value
        return f"{self.names[-1]} {shown}: must be {self.option.must}"


def asked_fields(model: type[BaseModel]) -> list[AskedField]:
    """The fields that the command line asks for, in their order."""
    return [
        AskedField(name=name, field=field, option=option)
        for name, field in model.model_fields.items()
        for option in field.metadata
        if isinstance(option, Option)
    ]


def bare_filled(model: type[BaseModel], words: Sequence[str]) -> list[str]:
    """A command line in which what may be said without its value has it."""
    values = {
        name: field.option.value_if_bare
        for field in asked_fields(model)
        if field.option.value_if_bare is not None
        for name in field.names
    }
    filled: list[str] = []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        filled.append(word)
        if word in values and not following.isdigit():
            filled.append(str(values[word]))
    return filled


def option_of(model: type[BaseModel], name: str) -> Any:  # noqa: ANN401 - as typer types it
    """The option of one field, for a command that takes no whole model."""
    return next(field.info() for field in asked_fields(model) if field.name == name)


def values_of(model: type[BaseModel], options: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields are to be if the options were given this. Raises SettingsError."""
    asked = asked_fields(model)
    return {
        field.name: field.value(options[field.name]) for field in asked if field.name in options
    }


def validated(model: type[M], **given: Any) -> M:  # noqa: ANN401 - the model checks them
    """The model of these values. Raises SettingsError that names the option at fault."""
    try:
        return model(**given)
    except ValidationError as exc:
        fault = exc.errors()[0]
        asked = [field for field in asked_fields(model) if (field.name,) == fault["loc"][:1]]
        raise SettingsError(asked[0].sentence(fault) if asked else fault["msg"]) from None
