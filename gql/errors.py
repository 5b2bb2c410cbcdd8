"""What stands in `errors[]`: a closed code for each, words for people, and never the inside of a defect."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import structlog
from graphql import GraphQLError

from engine.errors import Refused

log = structlog.get_logger(__name__)


class ErrorCode(StrEnum):
    """The codes of `errors[].extensions.code`."""

    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    TIMEOUT = "TIMEOUT"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    INTERNAL = "INTERNAL"


MASK = "Something went wrong on our side"
LONGEST_MESSAGE = 1_000  # characters: messages repeat what was sent


def coded(code: ErrorCode, message: str, **more: Any) -> GraphQLError:
    """Build an error that clients may see as it is."""
    return GraphQLError(message, extensions={"code": code.value, **more})


def error_body(code: ErrorCode, message: str, **more: Any) -> dict[str, Any]:
    """Answer the body of a request that was refused as a whole."""
    return {"errors": [{"message": message, "extensions": {"code": code.value, **more}}]}


def shown(errors: Iterable[GraphQLError], request_id: str, otherwise: ErrorCode) -> list[dict[str, Any]]:
    """Answer errors as clients see them; `otherwise` is the code of those graphql-core itself has made."""
    return [_shown(error, request_id, otherwise) for error in errors]


def code_of(error: GraphQLError, otherwise: ErrorCode) -> ErrorCode:
    """Answer the code of an error."""
    cause = _cause(error)
    if isinstance(cause, Refused):
        return ErrorCode.BAD_USER_INPUT
    if cause is not None and not isinstance(cause, GraphQLError):
        return ErrorCode.INTERNAL
    for candidate in (error, cause):
        if isinstance(candidate, GraphQLError) and candidate.extensions and "code" in candidate.extensions:
            return ErrorCode(candidate.extensions["code"])
    return otherwise


def _shown(error: GraphQLError, request_id: str, otherwise: ErrorCode) -> dict[str, Any]:
    code = code_of(error, otherwise)
    extensions: dict[str, Any] = dict(error.extensions or {}) | {"code": code.value}
    message = error.message[:LONGEST_MESSAGE]
    cause = _cause(error)
    if isinstance(cause, Refused):
        extensions |= {"refusal": cause.refusal.code.value}
        if cause.refusal.field is not None:
            extensions["field"] = cause.refusal.field
    elif code is ErrorCode.INTERNAL:
        message, extensions = MASK, {"code": code.value, "requestId": request_id}
        log.error("api_operation_failed", request_id=request_id, path=error.path, exc_info=cause or error)
    answer: dict[str, Any] = {"message": message}
    if error.locations:
        answer["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        answer["path"] = list(error.path)
    return answer | {"extensions": extensions}


def _cause(error: GraphQLError) -> Exception | None:
    """Answer what was raised inside a resolver or a scalar, through all of graphql-core's wrappings."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause
