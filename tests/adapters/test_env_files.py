"""`.env` files: which are read, whose word counts, and what a folder may not set."""

import os
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from jobmojito_batch.env_files import own_path
from jobmojito_batch.errors import SettingsError
from jobmojito_batch.settings import (
    A_FOLDER_MAY_SET,
    ENV_FILE,
    Settings,
    load_alert_settings,
    load_settings,
    settings_sources,
    variable,
)

NOBODY = 65534
SECRET = "made-up-secret-of-a-file"
DANGEROUS = {
    "api_token_command",
    "api_token_file",
    "base_url",
    "ledger",
    "log_json",
    "mail_from",
    "metrics",
    "notify",
    "notify_on",
    "ping_url",
    "smtp_url",
}

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)


def write(path: Path, *lines: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(mode)
    return path


def here(*lines: str, mode: int = 0o600) -> Path:
    """A file in the current folder."""
    return write(Path.cwd() / ".env", *lines, mode=mode)


def test_every_setting_says_whether_a_folder_may_set_it() -> None:
    """A new one is not taken from there until somebody has thought about it."""
    assert Settings.model_fields.keys() == A_FOLDER_MAY_SET | DANGEROUS
    assert not A_FOLDER_MAY_SET & DANGEROUS


def test_the_folder_is_overruled_by_the_persons_files_and_those_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = ("OPTION", "ENVIRONMENT", "GIVEN", "OWN", "HERE")
    names = ("environment", "max_attempts", "max_in_flight", "breaker_failures")

    def lines(place: int) -> list[str]:
        return [f"{variable(name)}={place}" for name in names[: place + 1]]

    here(*lines(4), "JOBMOJITO_REQUESTS_PER_SECOND=4")
    write(own_path(), *lines(3))
    given = write(tmp_path / "given", *lines(2))
    monkeypatch.setenv(ENV_FILE, str(given))
    for line in lines(1):
        monkeypatch.setenv(*line.split("="))

    settings = load_settings(environment="0")

    assert [str(getattr(settings, name)) for name in names] == ["0", "1", "2", "3"]
    assert settings.requests_per_second == len(places) - 1


def test_nothing_that_runs_reads_writes_or_is_sent_to_is_taken_from_a_folder() -> None:
    path = here(
        *(f"{variable(name)}=x" for name in sorted(DANGEROUS)),
        f"{ENV_FILE}=/else/where",
        "jobmojito_report_url=https://there.example.org",
        "JOBMOJITO_ENVIRONMENT=test",
    )

    settings = load_settings()

    assert settings == Settings(environment="test")
    [notice] = settings_sources().notices
    refused = {*map(variable, DANGEROUS), ENV_FILE, "JOBMOJITO_REPORT_URL"}
    assert refused <= set(notice.replace(",", " ").split())
    assert str(path) in notice
    assert str(own_path()) in notice
    assert "--env-file" in notice
    assert "there.example.org" not in notice
    assert load_alert_settings().notify is None


@pytest.mark.parametrize("name", sorted(DANGEROUS - {"notify_on", "base_url"}))
@pytest.mark.parametrize("place", ["own", "given"])
def test_the_persons_files_may_set_everything(
    name: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(own_path() if place == "own" else tmp_path / "x.env", f"{variable(name)}={SECRET}")
    if place == "given":
        monkeypatch.setenv(ENV_FILE, str(path))

    value = getattr(load_settings(), name)
    assert SECRET in (value.get_secret_value() if isinstance(value, SecretStr) else str(value))
    assert SECRET not in repr(settings_sources())


def test_the_current_folders_file_is_the_persons_where_they_name_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = here("JOBMOJITO_LEDGER=books.sqlite", mode=0o666)
    monkeypatch.setenv(ENV_FILE, str(path))

    assert load_settings().ledger == "books.sqlite"
    assert settings_sources().notices == []


def distrusted(reason: str) -> None:
    """Nothing of the current folder's file is read, and it is said why and what to do."""
    assert load_settings().environment == "live"
    [notice] = settings_sources().notices
    assert reason in notice
    assert str(Path.cwd() / ".env") in notice
    assert str(own_path()) in notice


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_read(mode: int) -> None:
    here("JOBMOJITO_ENVIRONMENT=theirs", mode=mode)

    distrusted("others may write it")


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o644])
def test_a_file_that_others_may_only_read_is_read(mode: int) -> None:
    here("JOBMOJITO_ENVIRONMENT=mine", mode=mode)

    assert load_settings().environment == "mine"


@as_root
def test_a_file_of_somebody_else_is_not_read() -> None:
    os.chown(here("JOBMOJITO_ENVIRONMENT=theirs"), NOBODY, -1)

    distrusted("it belongs to somebody else")


@as_root
def test_a_file_in_the_folder_of_somebody_else_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They put another file of mine in its place."""
    (tmp_path / "theirs").mkdir()
    monkeypatch.chdir(tmp_path / "theirs")
    here("JOBMOJITO_ENVIRONMENT=theirs")
    os.chown(Path.cwd(), NOBODY, -1)

    distrusted("its folder belongs to somebody else")


@pytest.mark.parametrize(
    ("mode", "is_read"),
    [
        pytest.param(0o755, True, id="mine"),
        pytest.param(0o775, False, id="the-groups"),
        pytest.param(0o757, False, id="everybodys"),
        pytest.param(0o1777, True, id="like-tmp"),
    ],
)
def test_the_folder_counts_like_the_file(
    mode: int, is_read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").mkdir()
    monkeypatch.chdir(tmp_path / "shared")
    Path.cwd().chmod(mode)
    here("JOBMOJITO_ENVIRONMENT=mine")

    if is_read:
        assert load_settings().environment == "mine"
    else:
        distrusted("others may write its folder")


def test_a_second_name_of_a_file_counts_for_nothing_where_everybody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = write(tmp_path / "mine" / "notes.txt", "JOBMOJITO_ENVIRONMENT=mine")
    (tmp_path / "shared").mkdir()
    monkeypatch.chdir(tmp_path / "shared")
    Path.cwd().chmod(0o1777)
    os.link(mine, ".env")

    distrusted("others may write its folder")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    Path(".env").symlink_to(write(tmp_path / "mine" / ".env", "JOBMOJITO_ENVIRONMENT=mine"))

    distrusted("it is a link")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among the files")
def test_a_pipe_in_the_folder_is_not_waited_for() -> None:
    os.mkfifo(".env")

    distrusted("it is no plain file")


def test_a_system_that_tells_no_owner_reads_no_file_of_the_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Windows; a file in the configuration folder, or --env-file, works there."""
    here("JOBMOJITO_ENVIRONMENT=whose")
    monkeypatch.delattr(os, "geteuid")

    distrusted("this system does not tell whose it is")


def test_nothing_is_said_of_another_programs_file() -> None:
    here("DATABASE_URL=postgresql://there.example.org/x", "BASE_URL=x", mode=0o666)

    assert settings_sources().files == []


def test_a_virtual_environment_of_that_name_is_no_file() -> None:
    Path(".env").mkdir()

    assert settings_sources().files == []


def test_a_folder_is_not_told_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`${NAME}` would send any secret of the person as the token, or show it as a label."""
    monkeypatch.setenv("AWS_SECRET", SECRET)
    here("JOBMOJITO_ENVIRONMENT=${AWS_SECRET}")

    assert load_settings().environment == "${AWS_SECRET}"


@pytest.mark.parametrize("lower", ["here", "own"])
def test_a_token_is_one_setting_however_it_is_given(
    lower: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the environment is not "set twice" with that of a file, which it overrules."""
    path = Path(".env") if lower == "here" else own_path()
    write(path, f"JOBMOJITO_API_TOKEN={SECRET}", mode=0o600)
    monkeypatch.setenv("JOBMOJITO_API_TOKEN_FILE", "/run/token")

    settings = load_settings()

    assert settings.api_token is None
    assert str(settings.api_token_file) == "/run/token"


def test_a_fault_names_the_file_and_no_value() -> None:
    path = write(own_path(), f"JOBMOJITO_MAX_ATTEMPTS={SECRET}")

    with pytest.raises(SettingsError, match="JOBMOJITO_MAX_ATTEMPTS in ") as caught:
        load_settings()

    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)


def test_an_unknown_home_is_no_folder_of_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody knows it, "~" would be a name like any other."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")
    write(Path("config") / "jobmojito-batch" / ".env", "JOBMOJITO_LEDGER=theirs")

    assert load_settings().ledger == ""


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no descriptors among the files")
def test_a_pipe_that_is_named_is_read_once_and_serves_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--env-file <(pass show jobmojito)`: settings are read more than once in a run."""
    reading, writing = os.pipe()
    monkeypatch.setenv(ENV_FILE, f"/dev/fd/{reading}")
    writer = threading.Thread(target=lambda: os.write(writing, b"JOBMOJITO_LEDGER=a\n"))
    writer.start()
    writer.join()
    os.close(writing)

    assert [load_settings().ledger, load_settings().ledger] == ["a", "a"]
    os.close(reading)
