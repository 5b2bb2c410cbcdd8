"""What the door makes of requests before any engine is asked."""

import re
from typing import Any

import pytest
from graphql import GraphQLError

from engine.errors import Refusal, RefusalCode, Refused
from engine.security.bearer import Viewer
from gql import http
from gql.errors import MASK, ErrorCode, code_of, coded, shown
from gql.http import GRAPHQL_JSON, JSON, LONGEST_KEPT, media_type_of, preferred
from gql.identity import bearer, headers_of, request_id_of, secret_of, secret_of_payload
from gql.inputs import bounded, printable, some
from gql.operations import OperationRequest
from gql.presence import Ending, Presence
from models.user import Role


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", JSON),
        ("*/*", JSON),
        (JSON, JSON),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, {JSON};q=0.9", GRAPHQL_JSON),
        (f"{JSON}, {GRAPHQL_JSON}", JSON),
        (f"{GRAPHQL_JSON};q=0.1, {JSON};q=0.9", JSON),
        (f"{GRAPHQL_JSON};q=0", JSON),
        (f"{GRAPHQL_JSON};q=much", JSON),
        ("text/event-stream, multipart/mixed, application/json", JSON),
    ],
)
def test_the_accept_header_chooses_the_media_type(accept: str, media_type: str) -> None:
    """The client's own ranking counts, and plain JSON is what everybody understands."""
    assert preferred(accept) == media_type


@pytest.mark.parametrize("body", [None, 1, "x", True, [], [{"query": "{a}"}]])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    """Batches, too: each operation is a request of its own."""
    with pytest.raises(GraphQLError, match="JSON object"):
        OperationRequest.of(body)


@pytest.mark.parametrize(
    ("member", "bad"),
    [("query", None), ("query", 1), ("variables", []), ("operationName", 5), ("extensions", "x")],
)
def test_a_member_of_the_wrong_kind_is_named(member: str, bad: Any) -> None:
    """The refusal says which member breaks which rule."""
    with pytest.raises(GraphQLError, match=f"^{member}: must be"):
        OperationRequest.of({"query": "{a}"} | {member: bad})


@pytest.mark.parametrize("given", [b"a", b"req-1.2_3", b"x" * 64])
def test_a_sane_request_id_is_kept(given: bytes) -> None:
    """The client finds its own in answers, errors and the log."""
    assert request_id_of({b"x-request-id": given}) == given.decode()


@pytest.mark.parametrize("given", [None, b"", b"x" * 65, b"a b", b"a\r\nset-cookie: x", "\u00e4".encode()])
def test_any_other_is_replaced_by_a_new_one(given: bytes | None) -> None:
    """Of 24 hexadecimal digits, never the same twice."""
    headers = {} if given is None else {b"x-request-id": given}
    made = {request_id_of(headers) for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch("[0-9a-f]{24}", each) for each in made)


def test_short_accept_headers_are_remembered_and_long_ones_are_not() -> None:
    """Both mean what they say; nobody fills the memory with long ones."""
    http._kept.cache_clear()
    short, long = GRAPHQL_JSON.encode(), (GRAPHQL_JSON + " " * LONGEST_KEPT).encode()
    for accept in (short, long, short, long):
        assert media_type_of({b"accept": accept}) == GRAPHQL_JSON
    assert http._kept.cache_info().currsize == 1


def test_of_a_repeated_header_the_first_counts_and_all_cookies_do() -> None:
    """Wherever the session's cookie stands."""
    raw = [
        (b"accept", b"first"),
        (b"accept", b"second"),
        (b"cookie", b"other=1"),
        (b"cookie", b"trading_engine_session=secret"),
    ]
    headers = headers_of({"headers": raw})
    assert headers[b"accept"] == b"first"
    assert secret_of(headers) == "secret"
    assert secret_of({**headers, b"authorization": b"Bearer mine"}) == "mine"


def test_only_bearer_tokens_are_read() -> None:
    """Another scheme proves nothing and is not mistaken for a cookie."""
    assert bearer("Bearer abc") == "abc"
    assert bearer("bearer  abc ") == "abc"
    assert bearer("Basic abc") == ""
    assert bearer(None) == ""
    assert secret_of_payload({"Authorization": "Bearer abc"}) == "abc"
    assert secret_of_payload({"authorization": 5}) == ""
    assert secret_of_payload({"other": "Bearer abc"}) is None


def test_a_defect_is_masked() -> None:
    """The words of an unexpected exception reach nobody but the log."""
    cause = ValueError("password=hunter2")
    [told] = shown([GraphQLError("password=hunter2", original_error=cause)], "req-1", ErrorCode.INTERNAL)
    assert told["message"] == MASK
    assert told["extensions"] == {"code": "INTERNAL", "requestId": "req-1"}


def test_a_refusal_keeps_its_words_and_its_field() -> None:
    """Bad arguments of a query are the client's to mend."""
    refused = Refused(Refusal(RefusalCode.INVALID_INPUT, "first: must be from 1 to 100", field="first"))
    [told] = shown([GraphQLError(str(refused), original_error=refused)], "", ErrorCode.INTERNAL)
    assert told["message"] == "first: must be from 1 to 100"
    assert told["extensions"] == {"code": "BAD_USER_INPUT", "refusal": "INVALID_INPUT", "field": "first"}


def test_an_error_keeps_its_code_through_graphql_core_s_wrappings() -> None:
    """A scalar's rule inside a variable stays bad input."""
    inner = coded(ErrorCode.BAD_USER_INPUT, "a rule")
    outer = GraphQLError("Variable '$x' ...; a rule", original_error=inner)
    assert code_of(outer, ErrorCode.INTERNAL) is ErrorCode.BAD_USER_INPUT
    assert code_of(GraphQLError("made by graphql-core"), ErrorCode.INTERNAL) is ErrorCode.INTERNAL


@pytest.mark.parametrize("bad", ["", "x" * 41, "a\x00b", "a\nb"])
def test_texts_for_a_query_are_bounded(bad: str) -> None:
    """Empty, long and unprintable texts never reach the ledger."""
    with pytest.raises(Refused, match=r"^id: must be 1 to 40"):
        bounded(bad, "id")


def test_lists_for_a_query_are_bounded() -> None:
    """The number of items, and each of them."""
    assert some(["a"], "symbols", 1, 32) == ["a"]
    with pytest.raises(Refused, match=r"^symbols: must have at most 1"):
        some(["a", "b"], "symbols", 1, 32)


def test_what_a_database_refuses_is_replaced() -> None:
    """NUL in a text of a command becomes a mark; line ends stay."""
    assert printable("a\x00b\nc") == "a?b\nc"


def a_viewer(token_id: str) -> Viewer:
    """Somebody who came with a token."""
    return Viewer(name="ann", role=Role.TRADER, user_id="usr_ann", token_id=token_id, expires_at=None)


def test_a_revoked_token_ends_what_came_with_it() -> None:
    """Only while it is there, and nobody else's."""
    presence = Presence()
    first, second = list[Ending](), list[Ending]()
    with presence.of(a_viewer("tok_1"), first.append), presence.of(a_viewer("tok_2"), second.append):
        presence.revoked("tok_1")
    presence.revoked("tok_2")
    assert (first, second) == ([Ending.SIGNED_OUT], [])


def test_a_server_that_leaves_tells_everybody() -> None:
    """Streams never end by themselves: they would hold up its end."""
    presence = Presence()
    first, second = list[Ending](), list[Ending]()
    with presence.of(a_viewer("tok_1"), first.append), presence.of(a_viewer("tok_2"), second.append):
        presence.leave()
    assert first == second == [Ending.LEAVING]
