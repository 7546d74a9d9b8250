"""The way of a request through the sandbox: logged, admitted, perhaps struck, worked on, logged."""

import asyncio
from collections import Counter
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from jobmojito_batch.sandbox.background_tasks import Works
from jobmojito_batch.sandbox.bodies import Refused, jobmojito_error, platform_error
from jobmojito_batch.sandbox.endpoints import handlers_of
from jobmojito_batch.sandbox.fault_injection import struck
from jobmojito_batch.sandbox.faults import FaultPicker
from jobmojito_batch.sandbox.log import Entry, Event, RequestLog
from jobmojito_batch.sandbox.rate_limit import RateLimit, TokenCheck
from jobmojito_batch.sandbox.request_record import Endpoint, Exchange, email_of, read_members
from jobmojito_batch.sandbox.scenario import Fault, Scenario
from jobmojito_batch.sandbox.seeded_random import Chance
from jobmojito_batch.sandbox.wire import Dropped, is_hung_up
from jobmojito_batch.sandbox.world import World

_TOO_LARGE: Final = 413
_RESOURCE_LIMIT: Final = 546


class RequestHandler:
    """Everything one sandbox consists of, behind one method: `serve`."""

    def __init__(self, scenario: Scenario, log: RequestLog) -> None:
        chance = Chance(scenario.seed)
        self.world = World(scenario, chance)
        self.works = Works()
        self.log = log
        self.calls = Counter[Endpoint]()
        self.scenario = scenario
        self._chance = chance
        self._number = 0
        self._attempts = Counter[tuple[Endpoint, str]]()
        self._creates_in_flight = 0
        self._rate = RateLimit(scenario.requests_per_second)
        self._tokens = TokenCheck(scenario.tokens)
        self._faults = FaultPicker(scenario, chance, self.world)
        self._handlers = handlers_of(scenario, self.world, chance, log)

    async def serve(self, request: Request, endpoint: Endpoint) -> Response:
        """
        Answer one request.

        The work runs as a task of its own, so it goes on when the client has hung up.
        """
        try:
            body = await request.body()
        except ClientDisconnect:  # gone before the request was whole: no function ever saw it
            return Response()
        exchange = self._open(request, endpoint, body)
        self.log.write(exchange.entry("received"))
        try:
            return await self.works.finish(self._answer(exchange))
        except asyncio.CancelledError:
            if not self.works.is_closed:
                raise
            return Dropped()

    def note_stray(self, request: Request, status: int) -> None:
        """Log a request for something that is not an endpoint: a link, a misspelt path."""
        self._note("answered", request.method, request.url.path, http_status=status)

    def note_unread(self, method: str, path: str) -> None:
        """Log a request that came on a connection which was closed already."""
        self._note("unread", method, path)

    def _note(self, event: Event, method: str, path: str, http_status: int | None = None) -> None:
        self._number += 1
        last = path.rpartition("/")[2][:80]
        self.log.write(
            Entry(
                event=event,
                number=self._number,
                method=method,
                endpoint=last,
                http_status=http_status,
            )
        )

    def _open(self, request: Request, endpoint: Endpoint, body: bytes) -> Exchange:
        members = read_members(body)
        who = (endpoint, email_of(request, members or {}) or "")
        self._number += 1
        self.calls[endpoint] += 1
        self._attempts[who] += 1
        return Exchange(
            request=request,
            endpoint=endpoint,
            number=self._number,
            call=self.calls[endpoint],
            attempt=self._attempts[who],
            members=members or {},
            body_bytes=len(body),
            is_readable=members is not None,
        )

    async def _answer(self, exchange: Exchange) -> Response:
        answer = self._refuse(exchange)
        if answer is not None:
            return self._closed(exchange, answer, None)
        fault = self._faults.pick(exchange)
        is_create = exchange.endpoint is Endpoint.CREATE
        self._creates_in_flight += is_create
        try:
            answer = await self._answer_admitted(exchange, fault)
        finally:
            self._creates_in_flight -= is_create
        return self._closed(exchange, answer, fault)

    async def _answer_admitted(self, exchange: Exchange, fault: Fault | None) -> Response:
        async def work() -> Response:
            try:
                return await self._handlers[exchange.endpoint](exchange)
            except Refused as exc:
                return exc.answer

        if fault is None:
            return await work()
        return await struck(fault, exchange, work, works=self.works, chance=self._chance)

    def _refuse(self, exchange: Exchange) -> Response | None:
        """Return the answer of those who stand before the functions, outermost first."""
        refusal = self._rate.refuse() or self._tokens.refuse(exchange.request)
        if refusal is not None:
            return refusal
        limit = self.scenario.max_body_bytes
        if limit is not None and exchange.body_bytes > limit:
            return jobmojito_error(_TOO_LARGE, "Request is too large.")
        most = self.scenario.max_in_flight
        if exchange.endpoint is Endpoint.CREATE and most and self._creates_in_flight >= most:
            return platform_error(
                _RESOURCE_LIMIT, "WORKER_RESOURCE_LIMIT", "Worker stopped by a resource limit"
            )
        return None

    def _closed(self, exchange: Exchange, answer: Response, fault: Fault | None) -> Response:
        """Log how the request ends, before the answer leaves: who has it finds it in the log."""
        title = fault.title if fault else None
        if isinstance(answer, Dropped):
            self.log.write(exchange.entry("dropped", fault=title))
        elif is_hung_up(exchange.request.scope):
            self.log.write(exchange.entry("hung_up", fault=title))
        else:
            self.log.write(exchange.entry("answered", http_status=answer.status_code, fault=title))
        return answer
