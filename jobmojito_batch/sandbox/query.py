"""
The query of a list, read by the contract.

A value out of bounds or out of a closed list is a 422 with its name; keys that nobody knows are
dropped. Each method raises Refused.
"""

from collections.abc import Collection

from starlette.requests import Request

from jobmojito_batch.sandbox.bodies import forbidden_merchant, invalid
from jobmojito_batch.sandbox.scenario import is_uuid
from jobmojito_batch.sandbox.world import Merchant, World


class Query:
    """The members of a query, one method per type that the contract has for them."""

    def __init__(self, request: Request) -> None:
        self._given = request.query_params

    def merchant(self, world: World) -> Merchant:
        """Return the merchant it is about: the token's own unless it names another."""
        merchant = world.merchant(self.uuid("merchant_id"))
        if merchant is None:
            raise forbidden_merchant()
        return merchant

    def text(self, name: str) -> str:
        """Return any text; none is empty."""
        return self._given.get(name, "")

    def one_of(self, name: str, values: Collection[str], default: str) -> str:
        """Return one of *values*."""
        value = self._given.get(name, default)
        if value not in values:
            raise invalid(name)
        return value

    def uuid(self, name: str) -> str | None:
        """Return an id."""
        value = self._given.get(name)
        if value is None:
            return None
        if not is_uuid(value):
            raise invalid(name)
        return value.lower()

    def number(self, name: str, default: int, *, lowest: int, highest: int | None = None) -> int:
        """Return a whole number within bounds; an empty text is 0, as it is in JavaScript."""
        text = self._given.get(name)
        if text is None:
            return default
        if text and not (text.isascii() and text.isdigit()):
            raise invalid(name)
        number = int(text or 0)
        if number < lowest or (highest is not None and number > highest):
            raise invalid(name)
        return number
