"""The elite pool: good partitions that really differ."""

from __future__ import annotations

import numpy as np

__all__ = ["Pool"]


class Pool:
    """At most `size` partitions, best first, each pair at least `distance` apart.

    Distance is the Hamming distance up to flips of whole components. A newcomer within
    `distance` of a better member is refused; one that beats all members within
    `distance` replaces them; otherwise it displaces the worst member if it is better.
    So a single family of near-copies can never fill the pool.

    Parameters
    ----------
    size : int
        Members kept.
    distance : int, default 1
        Least number of vertices in which members differ, up to those flips.
    components : (n,) int array, optional
        The component of each vertex, counted from 0. None: there is one.
    """

    def __init__(
        self, size: int, distance: int = 1, components: np.ndarray | None = None
    ) -> None:
        self.size = size
        self.distance = max(1, distance)
        self.components = components
        self.partitions: list[np.ndarray] = []
        self.cuts: list[float] = []

    def __len__(self) -> int:
        return len(self.partitions)

    def offer(self, partition: np.ndarray, cut: float) -> bool:
        """Take `partition` in if the rule above admits it."""
        near = [
            i
            for i, member in enumerate(self.partitions)
            if self._near(member, partition)
        ]
        if any(self.cuts[i] >= cut for i in near):
            return False
        for i in reversed(near):
            del self.partitions[i], self.cuts[i]
        if len(self) >= self.size:
            if self.cuts[-1] >= cut:
                return False
            del self.partitions[-1], self.cuts[-1]
        place = int(np.searchsorted(-np.asarray(self.cuts), -cut, side="right"))
        self.partitions.insert(place, partition.astype(np.int8, copy=True))
        self.cuts.insert(place, cut)
        return True

    def aligned(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Flip components of y so that each agrees with x on half of it at least."""
        if self.components is None:
            return y if x @ y >= 0 else -y
        agreement = np.bincount(self.components, weights=x * y)
        return np.where(agreement >= 0, 1, -1)[self.components] * y

    def _near(self, a: np.ndarray, b: np.ndarray) -> bool:
        x = np.asarray(a, np.float64)
        return np.count_nonzero(x != self.aligned(x, b)) < self.distance
