"""The pages say what the program does, and lead to one another."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from jobmojito_batch.alerts import AlertKind
from jobmojito_batch.cli import main

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
DECISIONS: Final = sorted((DOCS / "decisions").glob("0*.md"))
SOURCES: Final = tuple(
    f"/{path.relative_to(ROOT).as_posix()}"
    for folder in ("jobmojito_batch", "flows", "tests", "benchmarks", "data")
    for path in (ROOT / folder).rglob("*.py")
)
VERSION: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def anchors_of(page: Path) -> set[str]:
    """The headings of a page as a link names them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links_of(page: Path) -> list[str]:
    """What a page links to beside the web."""
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    return [target for target in targets if "://" not in target]


def as_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=as_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors_of(target), link


@pytest.mark.parametrize("page", PAGES, ids=as_name)
def test_every_module_that_a_page_names_is_there(page: Path) -> None:
    """By as much of its path as the page says."""
    for name in set(re.findall(r"[\w/]*\w+\.py\b", page.read_text("utf-8"))):
        assert any(path.endswith(f"/{name}") for path in SOURCES), name


def test_the_index_has_every_page() -> None:
    indexed = {(DOCS / link).resolve() for link in links_of(DOCS / "README.md")}

    assert {page for page in PAGES if page.parent != DOCS / "decisions"} - indexed == {
        DOCS / "README.md"
    }


def test_every_decision_has_number_date_and_status_and_is_in_the_index() -> None:
    index = (DOCS / "decisions" / "README.md").read_text("utf-8")
    for record in DECISIONS:
        title, _, dated, *_ = record.read_text("utf-8").splitlines()
        heading = re.fullmatch(rf"# {record.name[:4]} (.+)", title)
        stamp = re.fullmatch(r"(\d{4}-\d\d-\d\d), ((?:accepted|superseded by).*)", dated)

        assert heading, record.name
        assert stamp, record.name
        row = f"| [{record.name[:4]}]({record.name}) | {heading[1]} | {stamp[1]} | {stamp[2]} |"
        assert row in index


def test_the_map_of_the_tests_has_every_folder() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    mapped = re.findall(r"^\| \[tests/(\w+)\]", page, re.MULTILINE)

    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert set(mapped) == folders


def test_the_alerts_of_the_page_are_those_of_the_program() -> None:
    page = (DOCS / "nightly.md").read_text("utf-8")
    table = page.partition("| alert | when |")[2].partition("\n\n")[0]

    assert set(re.findall(r"^\| (\w+) \|", table, re.MULTILINE)) == {
        kind.value for kind in AlertKind
    }


def test_the_program_prints_the_version_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0

    printed = capsys.readouterr().out.strip()
    assert printed == VERSION, "installed as another version: `make .venv/installed`"


def test_images_and_changelog_have_the_version_of_the_package() -> None:
    for page in PAGES:
        for version in re.findall(r"jobmojito-batch:(\d+\.\d+\.\d+)", page.read_text("utf-8")):
            assert version == VERSION, page
    releases = re.findall(
        r"^## (\d+\.\d+\.\d+) ", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert releases[0] == VERSION
