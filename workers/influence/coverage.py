"""The account of every parameter: how its part of the norm was computed, or why it was left out."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from workers.influence.arithmetic import Precision, PrecisionError


class Treatment(StrEnum):
    """How a parameter is accounted for."""

    RULE = "rule"  # norm without the gradient, by a rule of its layer
    DIRECT = "direct"  # each example's gradient formed from its uses, a few examples at a time
    SLOW_PATH = "slow_path"  # vmap(grad), a chunk of examples at a time
    ONE_BY_ONE = "one_by_one"  # autograd, one example at a time, where vmap fails
    NO_GRADIENT = "no_gradient"  # trainable, but no output depends on it: it contributes 0
    FROZEN = "frozen"  # requires_grad is False
    EXCLUDED = "excluded"  # not among the layers asked for


# The parts of the score, from the quickest to the slowest.
EXACT = (
    Treatment.NO_GRADIENT,
    Treatment.RULE,
    Treatment.DIRECT,
    Treatment.SLOW_PATH,
    Treatment.ONE_BY_ONE,
)


@dataclass(frozen=True)
class Entry:
    """One parameter. `name` is the first of its names; `also` has the others, if it is tied."""

    name: str
    numel: int
    treatment: Treatment
    detail: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Coverage:
    """Every parameter of the model, in the model's order, and which of them is the last layer.

    slow_share: of the time spent so far, the part that the parameters in `slow` took, 0 to 1.
    precision_error: what a lower precision cost, measured by the self-check; None: full precision,
        or no check was made.
    """

    entries: tuple[Entry, ...] = ()
    last_layer: tuple[str, ...] = ()
    slow_share: float = 0.0
    precision: Precision = "full"
    precision_error: PrecisionError | None = None

    def names(self, treatment: Treatment) -> list[str]:
        return [e.name for e in self.entries if e.treatment is treatment]

    @property
    def scored(self) -> list[str]:
        """Names of the parameters whose gradients the score holds."""
        return [e.name for e in self.entries if e.treatment in EXACT]

    @property
    def slow(self) -> list[str]:
        """Names of the parameters that took the slow path, by chunks or one by one."""
        return self.names(Treatment.SLOW_PATH) + self.names(Treatment.ONE_BY_ONE)

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON: counts of parameters and numbers by treatment, then each parameter."""
        totals: dict[str, dict[str, int]] = {}
        for e in self.entries:
            total = totals.setdefault(e.treatment.value, {"parameters": 0, "numbers": 0})
            total["parameters"] += 1
            total["numbers"] += e.numel
        return {
            "totals": totals,
            "last_layer": list(self.last_layer),
            "slow_share": self.slow_share,
            "precision": self.precision,
            "precision_error": self.precision_error and asdict(self.precision_error),
            "parameters": [
                {
                    "name": e.name,
                    "numbers": e.numel,
                    "treatment": e.treatment.value,
                    **({"detail": e.detail} if e.detail else {}),
                    **({"also": list(e.also)} if e.also else {}),
                }
                for e in self.entries
            ],
        }

    def __str__(self) -> str:
        lines = [f"{t.value}: {', '.join(self.names(t))}" for t in Treatment if self.names(t)]
        if self.slow:
            lines.append(f"slow parts' share of the time: {self.slow_share:.0%}")
        if self.precision_error is not None:
            off = self.precision_error
            lines.append(
                f"{self.precision}: squared norms off by {off.median:.1%} (median), at most "
                f"{off.largest:.1%}, of {off.examples} compared"
            )
        return "\n".join(lines)
