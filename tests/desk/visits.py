"""What tests do at a desk without a browser."""

from typing import Any, Final

import httpx

from jobmojito_batch.desk.desk import Desk
from tests.helpers import HEADERS

PORT: Final = 43210
ORIGIN: Final = f"http://127.0.0.1:{PORT}"


async def upload(
    client: httpx.AsyncClient, desk: Desk, text: str | bytes, name: str = "people.csv", **files: Any
) -> str:
    """Where the pages of the upload begin."""
    content = text.encode() if isinstance(text, str) else text
    sent = {"candidates": (name, content), **files}
    answer = await client.post("/uploads", data={"token": desk.keys.token}, files=sent)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].rpartition("/")[0]


def exported(*rows: str) -> str:
    return "\n".join([HEADERS, *rows]) + "\n"
