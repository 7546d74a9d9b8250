"""Everything that looks like chance in the sandbox: the same seed gives the same answers."""

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Final, TypeVar

_NAMESPACE: Final = uuid.UUID("6a6f626d-6f6a-4974-8f2d-626174636821")
_SHARE_STEPS: Final = 2**64

Name = TypeVar("Name", bound=str)


class Chance:
    """Ids, shares and tokens that depend on nothing but the seed and the given parts."""

    def __init__(self, seed: int) -> None:
        self._namespace = uuid.uuid5(_NAMESPACE, str(seed))

    def uuid(self, *parts: object) -> str:
        """Return the id of the thing that *parts* name."""
        return str(uuid.uuid5(self._namespace, _joined(parts)))

    def share(self, *parts: object) -> float:
        """Return a number in [0, 1), evenly spread over all *parts*."""
        digest = hashlib.blake2b(
            _joined(parts).encode(), digest_size=8, key=self._namespace.bytes
        ).digest()
        return int.from_bytes(digest, "big") / _SHARE_STEPS

    def choice(self, weights: Mapping[Name, float], *parts: object) -> Name:
        """Return one of the keys of *weights*, each as often as its weight says."""
        left = self.share(*parts) * sum(weights.values())
        for name, weight in weights.items():
            left -= weight
            if left < 0:
                return name
        return max(weights, key=weights.__getitem__)  # rounding left nothing

    def token(self, *parts: object) -> str:
        """Return something that looks like a JWT; it is signed by nobody."""
        subject = self.uuid(*parts)
        head = _encoded({"alg": "ES256", "typ": "JWT"})
        body = _encoded({"sub": subject, "aud": "authenticated"})
        return f"{head}.{body}.{_base64(hashlib.sha256(subject.encode()).digest())}"


def _joined(parts: tuple[object, ...]) -> str:
    return "\x1f".join(str(part) for part in parts)


def _encoded(members: dict[str, str]) -> str:
    return _base64(json.dumps(members).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
