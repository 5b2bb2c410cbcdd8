"""Bounds of texts that go straight into a query of the ledger; commands check their own input in the engine."""

from engine.errors import invalid

LONGEST_ID = 40  # the width of our ids in the ledger, which refuses to be asked for a longer one
LONGEST_CLIENT_ID = 64
LONGEST_SYMBOL = 32
LONGEST_SEARCH = 100


def bounded(text: str, field: str, longest: int = LONGEST_ID) -> str:
    """Answer a text that a database can be asked for. Raises Refused naming the field and the rule."""
    if not 1 <= len(text) <= longest or not text.isprintable():
        raise invalid(field, f"must be 1 to {longest} printable characters")
    return text


def some(items: list[str], field: str, most: int, longest: int) -> list[str]:
    """Answer a list of bounded texts. Raises Refused naming the field and the rule."""
    if len(items) > most:
        raise invalid(field, f"must have at most {most} items", limit=str(most), observed=str(len(items)))
    return [bounded(item, field, longest) for item in items]


def printable(text: str) -> str:
    """Answer a text without characters that a database refuses (NUL); the engine's own rules say the rest."""
    return (
        text if text.isprintable() else "".join(c if c.isprintable() or c in "\r\n\t" else "?" for c in text)
    )
