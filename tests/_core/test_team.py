"""Teams: threads are asked to help where allowed, and never waited for."""

import threading
import time

import pytest

from derandcut._core.team import DISSOLVED, Team


def test_the_leader_returns_while_another_thread_has_not_come_back():
    team, asked, release = Team(2), [], threading.Event()

    def serve(x, board):
        asked.append(board)
        release.wait(60)

    def lead(x, board):
        return x + len(board)

    first = team.run(lead, serve, 1)
    # It is still out, and not asked again.
    assert [team.run(lead, serve, 1) for _ in range(5)] == [first] * 5
    release.set()
    team._executor.shutdown()
    assert len(asked) == 1


@pytest.mark.parametrize(("n_threads", "alone"), [(1, False), (3, True)])
def test_a_leader_alone_asks_nobody(n_threads, alone):
    team = Team(n_threads)

    def serve(board):
        raise AssertionError

    assert team.run(lambda board: board.sum(), serve, alone=alone) == 0
    assert team._executor is None


def test_each_call_has_a_board_of_its_own():
    boards = []
    team = Team(4)
    for _ in range(3):
        team.run(boards.append, lambda board: None)
    assert len({id(board) for board in boards}) == 3
    assert not any(board.any() for board in boards)


def test_helpers_come_back_from_a_leader_that_fails():
    team, back = Team(2), threading.Event()

    def serve(board):
        while not board[DISSOLVED]:
            time.sleep(0.001)
        back.set()

    def lead(board):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        team.run(lead, serve)
    assert back.wait(60)
