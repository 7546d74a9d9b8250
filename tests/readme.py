"""The README's table of fields, generated from the request model."""

from pathlib import Path

from jobmojito_batch.contract import CreateRequest
from jobmojito_batch.publish.template import allowed, needed

README = Path(__file__).parents[1] / "README.md"
START = "<!-- fields: written by `python -m tests.readme`, checked by tests/unit/test_readme.py -->"
END = "<!-- end of fields -->"


def field_table() -> str:
    """One line per member: name, needed, values, meaning."""
    lines = ["| field | needed | value | meaning |", "| --- | --- | --- | --- |"]
    for name, field in CreateRequest.model_fields.items():
        lines.append(f"| {name} | {needed(name)} | {allowed(name)} | {field.description} |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """The README with its table written anew."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{field_table()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text("utf-8")), "utf-8")
