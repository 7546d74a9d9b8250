"""What stands before the endpoints: the rate limit and the bearer check."""

import base64
import hmac
import json
import math
import time
from collections.abc import Sequence
from typing import Final

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from jobmojito_batch.sandbox.bodies import UNAUTHORIZED, platform_error

_TOO_MANY: Final = 429
_JWT_PARTS: Final = 3
_NO_HEADER: Final = "UNAUTHORIZED_NO_AUTH_HEADER"
_BAD_TOKEN: Final = "UNAUTHORIZED_INVALID_JWT_FORMAT"  # noqa: S105 - an error code


class RateLimit:
    """A token bucket that holds one second's worth, so an even pace at the limit always passes."""

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._capacity = max(1.0, per_second or 0.0)
        self._left = self._capacity
        self._filled_at = time.monotonic()

    def refuse(self) -> Response | None:
        """Return a 429 with Retry-After where the bucket is empty; otherwise take from it."""
        if self._per_second is None:
            return None
        now = time.monotonic()
        gained = (now - self._filled_at) * self._per_second
        self._left = min(self._capacity, self._left + gained)
        self._filled_at = now
        if self._left < 1:
            return self._refusal((1 - self._left) / self._per_second)
        self._left -= 1
        return None

    def _refusal(self, seconds: float) -> Response:
        response = platform_error(_TOO_MANY, "TOO_MANY_REQUESTS", "Rate limit exceeded")
        response.headers["retry-after"] = str(math.ceil(seconds))
        return response


class TokenCheck:
    """The platform's own check, before a function runs."""

    def __init__(self, tokens: Sequence[SecretStr]) -> None:
        self._accepted = [token.get_secret_value().encode() for token in tokens]

    def refuse(self, request: Request) -> Response | None:
        """Return a 401 where the token is missing, not among those accepted, or expired."""
        header = request.headers.get("authorization")
        if not header:
            return _unauthorized(_NO_HEADER, "Missing authorization header")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return _unauthorized(_BAD_TOKEN, "Auth header is not 'Bearer {token}'")
        if not self._is_accepted(token.strip()):
            return _unauthorized(_BAD_TOKEN, "Invalid JWT")
        if _is_expired(token.strip()):
            return _unauthorized(_BAD_TOKEN, "Invalid JWT: token is expired")
        return None

    def _is_accepted(self, token: str) -> bool:
        sent = token.encode()
        return not self._accepted or any(
            hmac.compare_digest(sent, accepted) for accepted in self._accepted
        )


def _unauthorized(code: str, message: str) -> Response:
    return platform_error(UNAUTHORIZED, code, message)


def _is_expired(token: str) -> bool:
    """Tell whether *token* looks like a JWT whose exp is past; any other text never expires."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return False
    expires = claims.get("exp") if isinstance(claims, dict) else None
    return isinstance(expires, int | float) and expires < time.time()
