"""
Ways to do the same job without this program: rows of a CSV are posted, answers are kept.

`python peer.py NAME CSV URL IN_FLIGHT OUT` runs in .venv-peers and prints a line of JSON: the rows
that were answered and the seconds from reading the file to the last answer on the disk: without
the start of the process and its imports, with the server that Prefect starts. None of them keeps a
record of claims, paces itself or survives a crash.
"""

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PATH = "/job-interview-create-for-candidate-with-token"
HEADERS = {"Authorization": "Bearer t"}


def pandas_session(path: str, url: str, _in_flight: int, out: str) -> int:
    """A notebook's loop: pandas in, one requests.Session, one call after the other, pandas out."""
    import pandas as pd
    import requests

    rows = pd.read_csv(path, dtype=str).to_dict("records")
    with requests.Session() as session:
        said = [session.post(url + PATH, json=row, headers=HEADERS).json() for row in rows]
    pd.DataFrame(said).to_csv(out, index=False)
    return len(said)


def thread_pool(path: str, url: str, in_flight: int, out: str) -> int:
    """A script: as many threads as calls in flight, one requests.Session."""
    import pandas as pd
    import requests
    from requests.adapters import HTTPAdapter

    rows = pd.read_csv(path, dtype=str).to_dict("records")
    with requests.Session() as session, ThreadPoolExecutor(in_flight) as pool:
        session.mount("http://", HTTPAdapter(pool_maxsize=in_flight))
        said = list(
            pool.map(lambda row: session.post(url + PATH, json=row, headers=HEADERS).json(), rows)
        )
    pd.DataFrame(said).to_csv(out, index=False)
    return len(said)


def dlt_destination(path: str, url: str, in_flight: int, out: str) -> int:
    """dlt: a resource of rows and a custom destination that posts them, with its load workers."""
    import dlt
    import pandas as pd
    import requests

    session = requests.Session()
    said: list[Any] = []

    @dlt.destination(batch_size=50, name="api", loader_parallelism_strategy="parallel")
    def post(items: Iterable[Any], _table: Any) -> None:
        for item in items:
            answer = session.post(url + PATH, json=item, headers=HEADERS)
            answer.raise_for_status()
            said.append(answer.json())

    @dlt.resource(name="people")
    def people() -> Any:
        for chunk in pd.read_csv(path, dtype=str, chunksize=1_000):
            yield chunk.to_dict("records")

    os.environ["LOAD__WORKERS"] = str(in_flight)
    os.environ["DATA_WRITER__FILE_MAX_ITEMS"] = "100"  # files are what its workers share
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline("peer", destination=post, pipelines_dir=folder)
        pipeline.run(people())
    pd.DataFrame(said).to_csv(out, index=False)
    return len(said)


def prefect_map(path: str, url: str, in_flight: int, out: str) -> int:
    """Prefect: a task for each row by .map, on threads, with a temporary server of its own."""
    import pandas as pd
    import requests
    from prefect import flow, task
    from prefect.task_runners import ThreadPoolTaskRunner

    session = requests.Session()

    @task
    def post(row: dict[str, Any]) -> Any:
        return session.post(url + PATH, json=row, headers=HEADERS).json()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=in_flight), log_prints=False)
    def invite() -> list[Any]:
        rows = pd.read_csv(path, dtype=str).to_dict("records")
        return [future.result() for future in post.map(rows)]

    said = invite()
    pd.DataFrame(said).to_csv(out, index=False)
    return len(said)


PEERS = {
    "pandas": (pandas_session, "pandas", "requests"),
    "threads": (thread_pool, "pandas", "requests"),
    "dlt": (dlt_destination, "pandas", "requests", "dlt"),
    "prefect": (prefect_map, "pandas", "requests", "prefect"),
}


def main() -> None:
    name, path, url, in_flight, out = sys.argv[1:]
    peer, *modules = PEERS[name]
    for module in modules:
        importlib.import_module(module)
    started = time.perf_counter()
    rows = peer(path, url, int(in_flight), out)
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
