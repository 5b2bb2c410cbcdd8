"""One round of one fault: what it works with, and where it writes down what it saw."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from tempfile import mkstemp

from tests.faults.bench import Bench, Place
from tests.faults.child import Child, running_child
from tests.faults.plan import Plan
from tests.faults.tally import Tally


@dataclass(slots=True)
class Trial:
    """`random` decides the moments; `broken` names the breakage that workers apply to themselves, if any."""

    bench: Bench
    random: Random
    broken: str = ""
    tally: Tally = field(default_factory=lambda: Tally(rounds=1))

    @asynccontextmanager
    async def place(self, place: Place) -> AsyncIterator[str]:
        """A new ledger that is removed afterwards."""
        made = await place(self.bench)
        try:
            yield made
        finally:
            self.bench.clear(made)

    @asynccontextmanager
    async def child(self, plan: Plan, *, forgetful: bool = False) -> AsyncIterator[Child]:
        """A worker of this round; a forgetful one can lose what it has not flushed."""
        plan = replace(plan, seed=self.random.randrange(2**32), broken=self.broken)
        nursery = self.bench.nursery(forgetful=forgetful)
        handle, name = mkstemp(suffix=".complained", dir=self.bench.folder)
        os.close(handle)
        async with running_child(nursery, plan, Path(name)) as child:
            yield child

    def complain(self, words: str) -> None:
        """Write down a promise that was not kept."""
        self.tally.complaints.append(words)
