"""Errors to HTTP status, in one table; every error body is ``{"error": {"code", "message"}}``."""

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from contract.errors import (
    AuthError,
    ConfigError,
    LedgerError,
    LinkError,
    MessageError,
    NotFoundError,
    PlanningError,
    ShelfwiseError,
)
from hub.services.sell import ConflictError

STATUS: Final[dict[type[ShelfwiseError], tuple[int, str]]] = {
    NotFoundError: (404, "not_found"),
    ConflictError: (409, "conflict"),
    LedgerError: (503, "ledger_unavailable"),
    LinkError: (503, "link_unavailable"),
    MessageError: (422, "bad_message"),
    PlanningError: (422, "bad_figures"),
    ConfigError: (422, "bad_setting"),
    AuthError: (403, "not_allowed"),
    ShelfwiseError: (500, "internal"),
}
"""Looked up along the exception's own class tree, nearest first."""

_HTTP_CODES: Final = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_big",
    415: "unsupported_media_type",
}


class ErrorDetail(BaseModel):
    """What went wrong: a stable code and one sentence."""

    code: str
    message: str


class ErrorBody(BaseModel):
    """Body of every error response."""

    error: ErrorDetail


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI entries for the error responses of an operation."""
    examples = {
        404: (
            "not_found",
            "store 'popup-9' is not known: no store file names it and no agent has reported from it",
        ),
        409: (
            "conflict",
            "sale 's-100' line 1 is recorded with other content; a correction is a new sale or an adjustment",
        ),
        422: ("invalid_request", "body.lines.0.quantity: input should be greater than or equal to 1"),
        403: (
            "not_allowed",
            "the signature in X-Shopify-Hmac-Sha256 is not the till's; check the secret and the address",
        ),
        413: ("too_big", "the body has more than 1048576 bytes"),
        503: ("ledger_unavailable", "the database refused: database or disk is full"),
    }
    titles = {
        403: "Not allowed",
        413: "Too big",
        404: "Not known",
        409: "Conflicts with what is recorded",
        422: "Not understood",
        503: "Not available now",
    }
    return {
        status: {
            "model": ErrorBody,
            "description": titles[status],
            "content": {"application/json": {"example": _body(*examples[status])}},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Make the application answer every error in the one shape."""
    app.add_exception_handler(ShelfwiseError, _on_own)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)


def status_of(error: ShelfwiseError) -> tuple[int, str]:
    """Return status and code of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _body(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


async def _on_own(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ShelfwiseError)
    status, code = status_of(error)
    headers = {"Retry-After": "2"} if status == 503 else None
    return JSONResponse(_body(code, str(error)), status_code=status, headers=headers)


async def _on_validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    text = str(first["msg"])
    more = len(error.errors()) - 1
    message = f"{place}: {text[:1].lower()}{text[1:]}" + (f" (and {more} more)" if more else "")
    return JSONResponse(_body("invalid_request", message), status_code=422)


async def _on_http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "refused")
    return JSONResponse(_body(code, str(error.detail)), status_code=error.status_code, headers=error.headers)
