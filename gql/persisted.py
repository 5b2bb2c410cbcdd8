"""Documents that clients send once and name afterwards by their hash, as Apollo's automatic persisted queries do.

https://www.apollographql.com/docs/apollo-server/performance/apq#protocol - a request carries
`extensions.persistedQuery: {version: 1, sha256Hash}`; without `query` it means the document of that hash.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from gql.errors import ErrorCode, coded

MOST_KEPT = 1_000  # documents; beyond, the one asked for longest ago goes, to be sent again when it is wanted
LONGEST_KEPT = 20_000  # characters of one that is kept
VERSION = 1
_HASH = re.compile(r"[0-9a-f]{64}")


class Persisted:
    """The documents that clients may name by a hash, for every user alike: a text says nothing of who may run it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, str] = OrderedDict()

    def query_of(self, query: str | None, extensions: Mapping[str, Any]) -> str | None:
        """Answer the document that a request means. Raises GraphQLError for a hash that is unknown or another's."""
        said = extensions.get("persistedQuery")
        if said is None:
            return query
        named = _hash_of(said)
        if query is not None:
            self._keep(named, query)
            return query
        found = self._kept.get(named)
        if found is None:
            # The words that clients look for.
            raise coded(ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")
        self._kept.move_to_end(named)
        return found

    def _keep(self, named: str, query: str) -> None:
        if hashlib.sha256(query.encode(errors="replace")).hexdigest() != named:
            said = "extensions.persistedQuery.sha256Hash: is not the SHA-256 of the query"
            raise coded(ErrorCode.BAD_USER_INPUT, said)
        if len(query) > LONGEST_KEPT:
            return
        self._kept[named] = query
        self._kept.move_to_end(named)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def _hash_of(said: object) -> str:
    if not isinstance(said, dict) or said.get("version") != VERSION or said.get("version") is True:
        raise coded(
            ErrorCode.BAD_USER_INPUT, f"extensions.persistedQuery: must be an object of version {VERSION}"
        )
    named = said.get("sha256Hash")
    if not isinstance(named, str) or not _HASH.fullmatch(named):
        raise coded(
            ErrorCode.BAD_USER_INPUT, "extensions.persistedQuery.sha256Hash: must be 64 hexadecimal digits"
        )
    return named
