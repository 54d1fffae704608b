"""Threads that help with a kernel, without ever being waited for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

__all__ = ["Team"]

BOARD, DISSOLVED = 80, 48  # int64 of a board, and one of them: see _team.pxd


class Team:
    """A leader, the calling thread, and others that help.

    A kernel for a team comes as two functions of the same arguments, the last of them
    the board over which they share the work: `lead` computes the result, alone if need
    be; `serve` takes blocks off it until it is through. One that the machine does
    not run holds nobody up, not even at the end. Needs no OpenMP.

    Parameters
    ----------
    n_threads : int, default 1
    """

    def __init__(self, n_threads: int = 1) -> None:
        self.n_threads = n_threads
        self._executor: ThreadPoolExecutor | None = None
        self._helping: list[Future] = []

    def run(
        self, lead: Callable, serve: Callable, *arguments: Any, alone: bool = False
    ) -> Any:
        """Return lead(*arguments, board), with help unless `alone`."""
        board = np.zeros(BOARD, np.int64)
        try:
            if self.n_threads > 1 and not alone:
                if self._executor is None:
                    self._executor = ThreadPoolExecutor(self.n_threads - 1)
                self._helping = [x for x in self._helping if not x.done()]
                # One that has not yet come back from its last call is busy elsewhere.
                for _ in range(self.n_threads - 1 - len(self._helping)):
                    call = self._executor.submit(serve, *arguments, board)
                    self._helping.append(call)
            return lead(*arguments, board)
        except BaseException:
            board[DISSOLVED] = 1  # interrupted: no kernel has done it
            raise
