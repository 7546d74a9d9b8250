"""The rules that `make mutants` takes out stand where it looks: a stale one proves nothing."""

from pathlib import Path

import pytest

from tests.mutants import HERE, MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_each_rule_stands_once_and_names_tests_that_there_are(mutant: Mutant) -> None:
    source = (HERE / mutant.file).read_text(encoding="utf-8")
    assert source.count(mutant.line) == 1
    files = [Path(HERE, test.partition("::")[0]) for test in mutant.tests if "/" in test]
    assert files
    assert all(file.exists() for file in files)
