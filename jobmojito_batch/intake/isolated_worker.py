"""
Reads one file at a time in a process of its own: requests in, tables out, a line of JSON each.

What a native reader makes of a stranger's file, an abort included, costs that file alone.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final, get_type_hints

from pydantic import TypeAdapter

from jobmojito_batch.errors import InputError, SettingsError
from jobmojito_batch.intake.errors import NoRowsError, input_faults
from jobmojito_batch.intake.frames import sink_rows
from jobmojito_batch.intake.json_documents import read_json
from jobmojito_batch.intake.markup import read_markup
from jobmojito_batch.intake.resumes.extract import limit_memory
from jobmojito_batch.intake.workbooks import read_workbook
from jobmojito_batch.records import Table

READERS: Final[Mapping[str, Callable[..., Table]]] = {
    "workbook": read_workbook,
    "markup": read_markup,
    "json": read_json,
}

# What a table says beside its rows. Checked when it comes back: no code travels, only values.
SAID: Final[Mapping[str, TypeAdapter[Any]]] = {
    name: TypeAdapter(hint) for name, hint in get_type_hints(Table).items() if name != "frame"
}
_ERRNO: Final = re.compile(r"\(os error (\d+)\)")


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The table that *request* asks for, its rows written to `frame`; or what is wrong."""
    source = request["source"]
    try:
        with input_faults(source):
            table = READERS[request["reader"]](
                path=Path(request["path"]),
                source=source,
                scratch=Path(request["scratch"]),
                **request["options"],
            )
            sink_rows(table.frame, Path(request["frame"]))
    except (InputError, SettingsError) as exc:
        return _fault(exc)
    except MemoryError:
        raise  # the end of this process: what it holds would be missing to the next file
    except Exception:  # noqa: BLE001 - whatever a reader raises on a stranger's file
        return {"fails": "is damaged, or not what it looks like"}
    return {
        "table": {
            name: adapter.dump_python(getattr(table, name), mode="json")
            for name, adapter in SAID.items()
        }
    }


def _fault(exc: InputError | SettingsError) -> dict[str, Any]:
    cause = exc.__cause__
    match = _ERRNO.search(str(cause))
    return {
        "fault": str(exc),
        "is_setting": isinstance(exc, SettingsError),
        "headers": exc.headers if isinstance(exc, NoRowsError) else None,
        "errno": cause.errno if isinstance(cause, OSError) else int(match[1]) if match else None,
    }


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer each line of *requests* by a line of *answers*, until they end."""
    for line in requests:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()


def _is_the_first_to_go() -> None:
    """Where the system is out of memory, this process is ended rather than the one that sends."""
    try:
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    except (ImportError, OSError, ValueError):
        return


def main() -> None:
    """Serve on the standard streams; whatever a library prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    _is_the_first_to_go()
    limit_memory(int(sys.argv[1]))
    serve(sys.stdin, answers)
