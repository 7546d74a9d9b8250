"""A field of a model is an option of the command line, and is declared nowhere else."""

from typing import Annotated, Any

import pytest
import typer
from pydantic import BaseModel, Field, field_validator
from typer.testing import CliRunner

from jobmojito_batch.cli.model_options import option_of, takes, validated, values_of
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.parameters import InviteParameters, Option


class Shapes(BaseModel):
    """One field of each shape."""

    places: Annotated[list[str], Option(metavar="PLACE...")]
    seats: Annotated[int, Option(metavar="N")] = Field(4, ge=1, le=9, description="How [many].")
    speed: Annotated[float | None, Option(metavar="R", must="above 0")] = Field(None, gt=0)
    is_quick: Annotated[bool, Option()] = False
    lights: Annotated[bool, Option(help="Drive in the dark.")] = True
    fills: Annotated[dict[str, str], Option(names=("--fill",), metavar="NAME=TEXT")] = Field(
        default_factory=dict
    )
    heads: Annotated[
        dict[str, str],
        Option(names=("-H", "--head"), metavar="TEXT=NAME", value_holds_no_equals=True),
    ] = Field(default_factory=dict)
    colour: Annotated[str | None, Option()] = None
    hidden: str = "of the run form alone"

    @field_validator("colour")
    @classmethod
    def _is_not_pink(cls, value: str | None) -> str | None:
        if value == "pink":
            raise ValueError("sold out")
        return value


def called(model: type[BaseModel], *words: str, but: tuple[str, ...] = ()) -> Any:
    """What a command of *model* is given for these words."""
    app = typer.Typer(add_completion=False)
    given: list[BaseModel] = []

    def make(**options: Any) -> BaseModel:
        return validated(model, **values_of(model, options))

    @app.command()
    @takes(model, make, but=but)
    def command(parameters: BaseModel, *, yes: bool = False) -> int:
        given.append(parameters)
        return int(yes)

    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"}, standalone_mode=False)
    if isinstance(result.exception, SettingsError):
        raise result.exception
    return given[0] if given else result.output or result.exception


def test_one_more_field_is_one_more_option() -> None:
    class Wider(InviteParameters):
        greeting: Annotated[str | None, Option(metavar="TEXT")] = Field(
            None, title="Greeting", description="What a letter begins with."
        )

    assert called(Wider, "in.csv", "--greeting", "Ahoj").greeting == "Ahoj"
    assert called(Wider, "in.csv").greeting is None
    assert "--greeting" in called(Wider, "--help")
    assert "What a letter begins with." in called(Wider, "--help")
    assert Wider.model_json_schema()["properties"]["greeting"]["title"] == "Greeting"


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        pytest.param("a b", "places", ["a", "b"], id="argument"),
        pytest.param("a --seats 9", "seats", 9, id="number"),
        pytest.param("a", "seats", 4, id="default"),
        pytest.param("a --speed 0.5", "speed", 0.5, id="within-its-bounds"),
        pytest.param("a --is-quick", "is_quick", True, id="switch"),
        pytest.param("a --no-lights", "lights", False, id="switch-of-what-is-on"),
        pytest.param("a", "lights", True, id="on-by-default"),
        pytest.param("a --fill x=y=z --fill v=", "fills", {"x": "y=z", "v": ""}, id="pairs"),
        pytest.param("a -H x=y=z", "heads", {"x=y": "z"}, id="parted-at-the-last"),
        pytest.param("a", "fills", {}, id="no-pairs"),
    ],
)
def test_the_type_says_the_shape(words: str, name: str, value: object) -> None:
    assert getattr(called(Shapes, *words.split()), name) == value


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param("--speed -1", "--speed -1: must be above 0", id="own-words"),
        pytest.param("--colour pink", "--colour: sold out", id="a-rule-of-the-model"),
        pytest.param("--fill x", '--fill x: write it as --fill "NAME=TEXT"', id="no-pair"),
        pytest.param("--head a=x -H a=y", "--head a: given twice; keep one", id="twice"),
    ],
)
def test_what_is_wrong_is_said_of_the_option(words: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        called(Shapes, "a", *words.split())

    assert str(caught.value) == sentence


@pytest.mark.parametrize("words", ["a --seats 0", "a --seats 10", "", "a --hidden x", "a --lights"])
def test_the_parser_refuses_what_it_can_tell(words: str) -> None:
    assert not isinstance(called(Shapes, *words.split()), Shapes)


def test_what_is_left_out_has_its_default() -> None:
    assert called(Shapes, "a", but=("seats",)).seats == 4
    assert "--seats" not in called(Shapes, "--help", but=("seats",))


def test_brackets_in_a_help_text_are_shown() -> None:
    assert "How [many]." in called(Shapes, "--help")


def test_what_makes_the_model_may_ask_for_more() -> None:
    """One that the command asks for too is one option, and both are told."""

    def make(*, seats_too: int = 0, yes: bool = False, **options: Any) -> Shapes:
        said = values_of(Shapes, options) | {"seats": seats_too, "is_quick": yes}
        return validated(Shapes, **said)

    app = typer.Typer(add_completion=False)

    @app.command()
    @takes(Shapes, make, but=("seats",))
    def command(shapes: Shapes, *, yes: bool = False) -> int:
        assert shapes.is_quick is yes is True
        return shapes.seats

    result = CliRunner().invoke(app, ["a", "--seats-too", "7", "--yes"], standalone_mode=False)
    assert result.return_value == 7


def test_a_command_may_ask_for_one_field_alone() -> None:
    alone = option_of(Shapes, "seats")

    assert (alone.min, alone.max, alone.metavar) == (1, 9, "N")
