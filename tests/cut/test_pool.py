"""The elite pool's diversity rule."""

import numpy as np

from derandcut.cut.pool import Pool


def sides(text):
    return np.array([1 if c == "+" else -1 for c in text], np.int8)


def test_members_stay_sorted_and_distinct_up_to_the_flip():
    pool = Pool(3)
    assert pool.offer(sides("++--"), 2)
    assert not pool.offer(sides("--++"), 2)
    assert pool.offer(sides("+-+-"), 5)
    assert pool.offer(sides("+--+"), 3)
    assert pool.cuts == [5, 3, 2]
    assert not pool.offer(sides("+++-"), 1)
    assert pool.offer(sides("+++-"), 4)
    assert pool.cuts == [5, 4, 3]


def test_a_better_neighbour_replaces_all_members_it_is_close_to():
    pool = Pool(4, distance=2)
    pool.offer(sides("+++++++-"), 3)
    pool.offer(sides("++++----"), 2)
    pool.offer(sides("+++++---"), 1)
    assert len(pool) == 2
    assert pool.offer(sides("++++++++"), 4)
    assert pool.cuts == [4, 2]
    assert not pool.offer(sides("-+++++++"), 4)


def test_the_pool_keeps_its_own_copies():
    pool = Pool(2)
    mine = sides("+-+-")
    pool.offer(mine, 1)
    mine[:] = 1
    assert pool.partitions[0].tolist() == [1, -1, 1, -1]
