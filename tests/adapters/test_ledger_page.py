"""docs/ledger.md is what an administrator of a database runs: executed as it stands."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from jobmojito_batch.cli import main
from jobmojito_batch.sandbox import Fault, RunningSandbox
from tests.helpers import Run, friendly, people, write_input
from tests.postgresql import SERVER, do, why_not

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def statements(mark: str) -> list[str]:
    """The SQL of the page: every indented line that ends with a semicolon, in order."""
    found = re.findall(r"^    ((?:CREATE|GRANT) .*;)$", PAGE.read_text(), re.MULTILINE)
    own = {"jobmojito_owner": f"o_{mark}", "jobmojito_clerk": f"c_{mark}"}
    for name, mine in own.items():
        found = [one.replace(name, mine) for one in found]
    return [re.sub(r"\bjobmojito\b", f"d_{mark}", one).replace("…", "pw") for one in found]


@pytest.fixture
def page() -> Iterator[tuple[str, str, list[str]]]:
    """Owner's and clerk's URLs, and the statements that the owner's tables wait for."""
    mark = uuid.uuid4().hex[:10]
    all_of_it = statements(mark)
    first = [one for one in all_of_it if one.startswith("CREATE ROLE o_")]
    first += [one for one in all_of_it if one.startswith("CREATE DATABASE")]
    later = [one for one in all_of_it if one not in first]
    try:
        for one in first:
            do(one)
        base = make_url(SERVER).set(database=f"d_{mark}", password="pw")
        urls = [
            base.set(username=name).render_as_string(hide_password=False)
            for name in (f"o_{mark}", f"c_{mark}")
        ]
        yield urls[0], urls[1], later
    finally:
        do(f"DROP DATABASE IF EXISTS d_{mark} WITH (FORCE)")
        for role in (f"c_{mark}", f"o_{mark}"):
            do(f"DROP ROLE IF EXISTS {role}")


def test_a_clerk_with_the_grants_of_the_page_does_all_that_workers_do(
    page: tuple[str, str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    owner, clerk, grants = page
    with RunningSandbox(friendly(faults=(Fault(call=(2,), status=504, when="after"),))) as sandbox:
        run = Run(tmp_path, sandbox, monkeypatch, ledger=owner)
        main(["doctor"])
        database = make_url(SERVER).set(database=make_url(owner).database)
        engine = create_engine(database, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for one in grants:
                connection.execute(text(one))
        engine.dispose()
        monkeypatch.setenv("JOBMOJITO_LEDGER", clerk)
        path = write_input(tmp_path, people(4))

        codes = [run.invite(path), main(["reconcile"]), run.invite(path), main(["status"])]
        forgot = main(["forget", "p1@example.com", "--yes"])

    said = capsys.readouterr()
    assert codes == [3, 0, 0, 0], said.err
    # The page says so: only the owner's `forget` reaches the bytes.
    assert (forgot, "until the owner of the tables has run VACUUM" in said.err) == (2, True)
    assert "permission denied" not in said.err
    assert len(grants) == 6
    assert run.creates == 4
