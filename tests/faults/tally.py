"""What the rounds of one fault have shown, and the line that tells it; filled by the faults, printed by the runner."""

from dataclasses import dataclass, field
from statistics import median


@dataclass(slots=True)
class Tally:
    """Counts of one round, or of all rounds of a fault.

    `lost` and `doubled` count acknowledged keys that are not there or there more than once; `recovered_s` holds the
    seconds from the end of each fault until the ledger served again. `complaints` are all other broken promises.
    """

    rounds: int = 0
    injected: int = 0
    acknowledged: int = 0
    found: int = 0
    lost: int = 0
    doubled: int = 0
    recovered_s: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every promise held."""
        return not (self.lost or self.doubled or self.complaints)

    def add(self, other: "Tally") -> None:
        """Take the counts of another round."""
        self.rounds += other.rounds
        self.injected += other.injected
        self.acknowledged += other.acknowledged
        self.found += other.found
        self.lost += other.lost
        self.doubled += other.doubled
        self.recovered_s += other.recovered_s
        self.complaints += other.complaints

    def words(self) -> str:
        """Answer the counts as one line."""
        said = (
            f"rounds {self.rounds:3}  injected {self.injected:6,}  acknowledged {self.acknowledged:7,}  "
            f"found {self.found:7,}  lost {self.lost:,}  doubled {self.doubled:,}"
        )
        if self.recovered_s:
            said += f"  recovered in {median(self.recovered_s):.3f}/{max(self.recovered_s):.3f} s"
        return said

    def finding(self) -> str:
        """Answer what is wrong, in a few words."""
        counts = [(self.lost, "lost"), (self.doubled, "doubled")]
        said = [f"{word} {count:,}" for count, word in counts if count]
        return "; ".join([*said, *self.complaints[:1]])
