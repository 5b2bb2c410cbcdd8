"""How a symbol is written; the readers of price and instrument files call it."""

import re

MAX_SYMBOL_LENGTH = 32  # the width of the ledger's columns
SYMBOL_RULE = f"a symbol has 1 to {MAX_SYMBOL_LENGTH} of A-Z 0-9 . - _ / = ^ and starts with A-Z 0-9 or ^"
_SYMBOL = re.compile(rf"[A-Z0-9^][A-Z0-9.\-_/=^]{{0,{MAX_SYMBOL_LENGTH - 1}}}")


def parse_symbol(text: str) -> str | None:
    """Answer the symbol in upper case, or None when the text is none (`SYMBOL_RULE`)."""
    symbol = text.strip().upper()
    return symbol if _SYMBOL.fullmatch(symbol) else None
