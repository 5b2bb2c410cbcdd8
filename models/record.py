"""What all rows have in common: they are made as cheaply as a plain object."""

from functools import lru_cache
from typing import Any

from tortoise.models import Model


class Record(Model):
    """A row of the ledger.

    A new row takes its values as they are given: the engine builds them of the right types, and the tables' own
    rules have the last word at the insert. Tortoise's constructor asks each field about each value and is a
    quarter of the cost of a command (docs/adr/0003).
    """

    class Meta:
        abstract = True

    def __init__(self, **values: Any) -> None:
        """Make a row that is not written yet; fields not named get their defaults, or None."""
        blank = _blank(type(self))
        if strange := values.keys() - blank.keys():
            raise TypeError(f"{type(self).__name__} has no column {', '.join(sorted(strange))}")
        self.__dict__.update(blank, _saved_in_db=False, _partial=False, _custom_generated_pk=True)
        self.__dict__.update(values, _await_when_save={})

    __setattr__ = object.__setattr__  # type: ignore[assignment] # named `name`, not `key`


@lru_cache(maxsize=64)
def _blank(model: type[Record]) -> dict[str, Any]:
    fields = model._meta.fields_map
    return {name: fields[name].default for name in model._meta.fields_db_projection}
