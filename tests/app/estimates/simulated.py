"""Reviews that never were: a queue by suspicion, with audits drawn at random between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.estimates.bounds import Draw, Now, Trail


@dataclass(frozen=True)
class Review:
    wrong: int
    """Labels of the population that are wrong."""
    trail: Trail

    @classmethod
    def simulate(cls, seed: int, ranking: str, *, population: int, audits: int) -> Review:
        """0 to 20 % wrong; two verdicts of the queue, whose order knows something or nothing, after
        each audit."""
        rng = np.random.default_rng(seed)
        is_wrong = rng.random(population) < rng.uniform(0, 0.2)
        suspicion = rng.normal(size=population) + (
            2.0 * is_wrong if ranking == "informative" else 0
        )
        queue = list(np.argsort(suspicion))
        unreviewed = set(range(population))
        found = 0
        draws: list[Draw] = []
        for _ in range(audits):
            if not unreviewed:
                break
            drawn = int(rng.choice(sorted(unreviewed)))
            draws.append(Draw(len(unreviewed), found, bool(is_wrong[drawn])))
            unreviewed.discard(drawn)
            found += int(is_wrong[drawn])
            for _ in range(2):
                while queue and queue[-1] not in unreviewed:
                    queue.pop()
                if queue:
                    next_up = int(queue.pop())
                    unreviewed.discard(next_up)
                    found += int(is_wrong[next_up])
        return cls(int(is_wrong.sum()), Trail.of(draws, Now(len(unreviewed), found)))
