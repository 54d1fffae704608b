# Biconnected components by depth-first search (Tarjan 1972), without recursion.
#
# Reads   the symmetric CSR arrays.
# Writes  order: when each vertex was met, from 1; home: the block in which a vertex is
#         not the top one, -1 for roots; top: the top vertex of each block.
# Cost    every arc once.
# Keeps   an edge lies in home[v] of its end v that was met later.
from libc.stdint cimport int32_t, int64_t

from derandcut._core._types cimport index_t


def biconnected(
    const int64_t[::1] indptr, const index_t[::1] indices, int64_t[::1] next_arc,
    int32_t[::1] order, int32_t[::1] low, int32_t[::1] parent, int32_t[::1] stack,
    int32_t[::1] home, int32_t[::1] top,
):
    """The number of blocks. `order` comes zero, `home` -1, `next_arc` as indptr."""
    cdef int32_t n = <int32_t>order.shape[0], root, u, v, x
    cdef int32_t met = 0, height = 0, blocks = 0
    with nogil:
        for root in range(n):
            if order[root]:
                continue
            u = root
            met += 1
            order[u] = met
            low[u] = met
            parent[u] = -1
            while u >= 0:
                if next_arc[u] < indptr[u + 1]:
                    v = <int32_t>indices[next_arc[u]]
                    next_arc[u] += 1
                    if not order[v]:
                        parent[v] = u
                        met += 1
                        order[v] = met
                        low[v] = met
                        stack[height] = v
                        height += 1
                        u = v
                    elif v != parent[u] and order[v] < low[u]:
                        low[u] = order[v]
                    continue
                v = u
                u = parent[v]
                if u < 0:
                    break
                if low[v] < low[u]:
                    low[u] = low[v]
                if low[v] >= order[u]:
                    # what was met from v on cannot pass u: a block, u its top
                    while True:
                        height -= 1
                        x = stack[height]
                        home[x] = blocks
                        if x == v:
                            break
                    top[blocks] = u
                    blocks += 1
    return blocks
