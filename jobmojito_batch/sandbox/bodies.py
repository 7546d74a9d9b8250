"""Error answers: JobMojito's own envelope, the platform's below it, and the CDN's page."""

from typing import Final

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from jobmojito_batch.contract import Status
from jobmojito_batch.sandbox.scenario import BodyKind, Fault, Scenario

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
UNPROCESSABLE: Final = 422
CDN_STATUSES: Final = frozenset({502, 530, *range(520, 528)})

_JOBMOJITO_TEXTS: Final = {
    400: "Bad request.",
    402: "Insufficient credits.",
    403: "You do not have permission for this merchant.",
    404: "Position not found.",
    409: "Conflict with the current state.",
    413: "Request is too large.",
    422: "Field is invalid.",
    500: "Internal server error.",
}
_PLATFORM_TEXTS: Final = {
    401: ("UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT"),
    429: ("TOO_MANY_REQUESTS", "Rate limit exceeded"),
    503: ("SERVICE_UNAVAILABLE", "Service is temporarily unavailable"),
    504: ("IDLE_TIMEOUT", "Request idle timeout limit reached"),
    540: ("PROJECT_PAUSED", "Project paused"),
    544: ("GATEWAY_TIMEOUT", "Project gateway timeout"),
    546: ("WORKER_RESOURCE_LIMIT", "Worker stopped by a resource limit"),
}
"""The default of 503 is not BOOT_ERROR: only that one proves that nothing ran."""


def jobmojito_error(status: int, message: str, name: str | None = None) -> Response:
    """Return an answer in JobMojito's envelope; *name* is the field to blame."""
    body = {"error": message} | ({"name": name} if name else {})
    return JSONResponse(body, status_code=status)


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """A request that ends here, with this answer."""

    def __init__(self, status: int, message: str, name: str | None = None) -> None:
        super().__init__(message)
        self.answer = jobmojito_error(status, message, name)


def invalid(name: str) -> Refused:
    """Return the refusal of a value that the contract does not allow."""
    return Refused(UNPROCESSABLE, "Field is invalid.", name)


def missing(name: str) -> Refused:
    """Return the refusal of a request without a member that it needs."""
    return Refused(UNPROCESSABLE, "Field is required.", name)


def forbidden_merchant() -> Refused:
    """Return the refusal of those who may not act for the merchant they name."""
    return Refused(FORBIDDEN, _JOBMOJITO_TEXTS[FORBIDDEN])


def platform_error(status: int, code: str, message: str) -> Response:
    """Return an answer of the platform below, which repeats the code in a header."""
    body = {"code": code, "message": message}
    return JSONResponse(body, status_code=status, headers={"sb-error-code": code})


def cdn_page(status: int, message: str | None = None) -> Response:
    """Return the HTML page of the CDN in front."""
    text = message or f"Error {status}"
    return HTMLResponse(
        f"<!DOCTYPE html><html><head><title>{text}</title></head>"
        f"<body><h1>{text}</h1><p>The web server reported an error.</p></body></html>",
        status_code=status,
    )


def error_of(fault: Fault, status: int) -> Response:
    """Return the error answer that a fault asks for."""
    response = _error_of(fault, status, fault.body or _usual_body(status))
    response.headers.update(fault.headers)
    if fault.retry_after is not None:
        response.headers["retry-after"] = fault.retry_after
    if fault.code is not None:
        response.headers["sb-error-code"] = fault.code
    return response


def out_of_credits(scenario: Scenario) -> Response:
    """Return what the scenario has the API say where there are no credits left."""
    status = scenario.credits_status
    said = Fault(status=status, body=scenario.credits_body, message=scenario.credits_message)
    return error_of(said, status)


def _error_of(fault: Fault, status: int, kind: BodyKind) -> Response:
    code, text = _PLATFORM_TEXTS.get(status, (f"ERROR_{status}", f"Error {status}"))
    match kind:
        case "jobmojito":
            text = _JOBMOJITO_TEXTS.get(status, text)
            return jobmojito_error(status, fault.message or text, fault.name)
        case "platform":
            return platform_error(status, fault.code or code, fault.message or text)
        case "html":
            return cdn_page(status, fault.message)
        case "rejected" | "status":
            said = Status.AI_REJECT if kind == "rejected" else "error"
            members = {"status": said, "reason": fault.message, "interview_url": ""}
            return JSONResponse(members, status_code=status)
        case "text":
            return PlainTextResponse(fault.message or text, status_code=status)
        case "empty":
            return Response(status_code=status)


def _usual_body(status: int) -> BodyKind:
    if status in CDN_STATUSES:
        return "html"
    return "platform" if status in _PLATFORM_TEXTS else "jobmojito"
