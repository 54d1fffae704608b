"""Fixed sides are exact."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from derandcut import CutGraph
from derandcut.cut.fixing import fix


@given(st.data())
def test_every_cut_with_the_fixed_sides_keeps_its_value(data):
    n = data.draw(st.integers(1, 6))
    pairs = list(itertools.combinations(range(n), 2))
    weights = data.draw(
        st.lists(st.integers(-9, 9), min_size=len(pairs), max_size=len(pairs))
    )
    u, v = (
        np.array(end, int) for end in (zip(*pairs, strict=True) if pairs else ((), ()))
    )
    graph = CutGraph.from_edges(u, v, weights, n)
    fixed = np.array(
        data.draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=n, max_size=n)),
        np.int8,
    )
    fixing = fix(graph, fixed)
    assert fixing.kernel.n == 1 + np.count_nonzero(fixed == 0)
    for free in itertools.product((-1, 1), repeat=fixing.kernel.n):
        small = np.array(free, np.int8)
        whole = fixing.lift(small)
        assert (whole[fixed != 0] == fixed[fixed != 0]).all()
        assert graph.cut(whole) == fixing.constant + fixing.kernel.cut(small)
        back = fixing.restrict(whole)
        assert fixing.kernel.cut(back) == fixing.kernel.cut(small)
