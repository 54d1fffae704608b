"""Planarity by the left-right criterion, with a rotation system, in linear time.

De Fraysseix and Rosenstiehl 1982, as Brandes 2009 puts it ("The left-right planarity
test"). A depth-first search orients the graph into tree edges, down, and back edges,
up. Two return edges that overlap must be drawn on the same side of the tree or on
different ones; a stack of conflict pairs, of two intervals of return edges each, merges
these constraints. If none contradicts, sides and nesting order give the rotation.

Half-edges as in `_embedding`: 2 e runs from u[e] to v[e], h ^ 1 is the reverse. -1
stands for none. Work: some 20 visits an edge. int32 throughout.
"""
from libc.stdint cimport int32_t, int64_t

ctypedef int32_t i32
ctypedef int64_t i64

cdef enum:
    EDGE = 14
    VERTEX = 5

cdef struct Test:
    i32 n, m, n_pairs
    const i64* start    # n + 1
    const i32* leaving  # 2 m: the half-edges out of each vertex
    const i32* ends     # 2 m: where a half-edge arrives
    # one an edge
    i32* way            # the half-edge it is oriented along
    i32* low            # least height its return edges reach
    i32* second         # and the second least
    i32* depth          # nesting order, in the end with the sign of the side
    i32* side           # 1 right, -1 left, relative to the edge `ref`
    i32* ref            # next lower in its interval, or whose side counts
    i32* low_edge       # the return edge that reaches `low`
    i32* bottom         # conflict pairs on the stack before the edge
    i32* sorted         # the edges by tail and nesting order
    i32* trail          # lists and stacks of edges
    i32* left_low       # the stack of conflict pairs: the lowest and the highest
    i32* left_high      # return edge of each interval
    i32* right_low
    i32* right_high
    # one a vertex
    i32* height
    i32* above          # the tree edge from its parent
    i32* first          # where its edges begin in `sorted`
    i32* at             # the next of its edges to look at
    i32* path           # the search's stack
    i32* bucket         # 4 n + 4


cdef void bind(Test* t, i32[::1] scratch, i32 n, i64 m) noexcept:
    cdef i32* p = &scratch[0]
    t.n, t.m, t.n_pairs = n, <i32>m, 0
    t.way = p; p += m
    t.low = p; p += m
    t.second = p; p += m
    t.depth = p; p += m
    t.side = p; p += m
    t.ref = p; p += m
    t.low_edge = p; p += m
    t.bottom = p; p += m
    t.sorted = p; p += m
    t.trail = p; p += m
    t.left_low = p; p += m
    t.left_high = p; p += m
    t.right_low = p; p += m
    t.right_high = p; p += m
    t.height = p; p += n
    t.above = p; p += n
    t.first = p; p += n
    t.at = p; p += n
    t.path = p; p += n
    t.bucket = p


cdef inline i32 tail(Test* t, i32 e) noexcept nogil:
    return t.ends[t.way[e] ^ 1]


cdef inline i32 head(Test* t, i32 e) noexcept nogil:
    return t.ends[t.way[e]]


# ------------------------------------------------------------------- orientation

cdef inline void settle(Test* t, i32 e) noexcept nogil:
    """Fix the nesting order of an edge, now that all beyond it is known."""
    cdef i32 v = tail(t, e), up = t.above[v]
    t.depth[e] = 2 * t.low[e] + (t.second[e] < t.height[v])
    if up < 0:
        return
    if t.low[e] < t.low[up]:
        t.second[up] = min(t.low[up], t.second[e])
        t.low[up] = t.low[e]
    elif t.low[e] > t.low[up]:
        t.second[up] = min(t.second[up], t.low[e])
    else:
        t.second[up] = min(t.second[up], t.second[e])


cdef void orient(Test* t) noexcept nogil:
    """Search depth first: heights, low points, nesting order."""
    cdef i32 root, v, w, e, h, n_path
    cdef bint down
    for v in range(t.n):
        t.height[v] = -1
        t.at[v] = 0
    for e in range(t.m):
        t.way[e] = -1
    for root in range(t.n):
        if t.height[root] >= 0:
            continue
        t.height[root] = 0
        t.above[root] = -1
        t.path[0] = root
        n_path = 1
        while n_path:
            v = t.path[n_path - 1]
            down = False
            while t.at[v] < t.start[v + 1] - t.start[v]:
                h = t.leaving[t.start[v] + t.at[v]]
                t.at[v] += 1
                e = h >> 1
                if t.way[e] >= 0:
                    continue
                w = t.ends[h]
                t.way[e] = h
                t.low[e] = t.second[e] = t.height[v]
                if t.height[w] < 0:
                    t.height[w] = t.height[v] + 1
                    t.above[w] = e
                    t.path[n_path] = w
                    n_path += 1
                    down = True
                    break
                t.low[e] = t.height[w]
                settle(t, e)
            if not down:
                n_path -= 1
                if t.above[v] >= 0:
                    settle(t, t.above[v])


cdef void sort(Test* t) noexcept nogil:
    """List the edges out of each vertex by nesting order, |depth| < 2 n + 2."""
    cdef i32 e, v, i, k = 0
    for i in range(4 * t.n + 4):
        t.bucket[i] = -1
    for v in range(t.n):
        t.at[v] = 0
    for e in range(t.m):
        i = t.depth[e] + 2 * t.n + 2
        t.trail[e] = t.bucket[i]
        t.bucket[i] = e
        t.at[tail(t, e)] += 1
    for v in range(t.n):
        t.first[v] = k
        k += t.at[v]
        t.at[v] = t.first[v]
    for i in range(4 * t.n + 4):
        e = t.bucket[i]
        while e >= 0:
            v = tail(t, e)
            t.sorted[t.at[v]] = e
            t.at[v] += 1
            e = t.trail[e]
    for v in range(t.n):
        t.at[v] = t.first[v]


cdef inline i32 end(Test* t, i32 v) noexcept nogil:
    """Where the edges of v end in `sorted`."""
    return t.first[v + 1] if v + 1 < t.n else t.m


# ----------------------------------------------------------------------- the test

cdef inline bint conflicts(Test* t, i32 high, i32 e) noexcept nogil:
    """True if the interval up to `high` returns above the lowest return of e."""
    return high >= 0 and t.low[high] > t.low[e]


cdef inline void swap(Test* t, i32 i) noexcept nogil:
    t.left_low[i], t.right_low[i] = t.right_low[i], t.left_low[i]
    t.left_high[i], t.right_high[i] = t.right_high[i], t.left_high[i]


cdef bint constrain(Test* t, i32 e, i32 up) noexcept nogil:
    """Add the constraints between e and its earlier siblings; False if they clash."""
    cdef i32 i, left_low = -1, left_high = -1, right_low = -1, right_high = -1
    # the return edges of e all lie on one side: merge them on the right
    while t.n_pairs > t.bottom[e]:
        t.n_pairs -= 1
        i = t.n_pairs
        if t.left_low[i] >= 0:
            swap(t, i)
        if t.left_low[i] >= 0:
            return False
        if t.low[t.right_low[i]] > t.low[up]:
            if right_low < 0:
                right_high = t.right_high[i]
            else:
                t.ref[right_low] = t.right_high[i]
            right_low = t.right_low[i]
        else:                   # as low as possible: no constraint, same side
            t.ref[t.right_low[i]] = t.low_edge[up]
    # those of the siblings that return higher than e lie on the other side
    while t.n_pairs:
        i = t.n_pairs - 1
        if conflicts(t, t.right_high[i], e):
            swap(t, i)
            if conflicts(t, t.right_high[i], e):
                return False
        elif not conflicts(t, t.left_high[i], e):
            break
        t.n_pairs -= 1
        if right_low >= 0:
            t.ref[right_low] = t.right_high[i]
        if t.right_low[i] >= 0:
            right_low = t.right_low[i]
        if left_low < 0:
            left_high = t.left_high[i]
        else:
            t.ref[left_low] = t.left_high[i]
        left_low = t.left_low[i]
    if left_low >= 0 or right_low >= 0:
        t.left_low[t.n_pairs] = left_low
        t.left_high[t.n_pairs] = left_high
        t.right_low[t.n_pairs] = right_low
        t.right_high[t.n_pairs] = right_high
        t.n_pairs += 1
    return True


cdef inline i32 lowest(Test* t, i32 i) noexcept nogil:
    """Least height that a conflict pair returns to."""
    if t.left_low[i] < 0:
        return t.low[t.right_low[i]]
    if t.right_low[i] < 0:
        return t.low[t.left_low[i]]
    return min(t.low[t.left_low[i]], t.low[t.right_low[i]])


cdef inline void trim(Test* t, i32* low, i32* high, i32 across, i32 u) noexcept nogil:
    """Drop the return edges to u from an interval."""
    while high[0] >= 0 and head(t, high[0]) == u:
        high[0] = t.ref[high[0]]
    if high[0] < 0 and low[0] >= 0:
        t.ref[low[0]] = across
        t.side[low[0]] = -1
        low[0] = -1


cdef void leave(Test* t, i32 e) noexcept nogil:
    """Drop the return edges that end where e begins, and give e its side."""
    cdef i32 u = tail(t, e), i, left, right
    while t.n_pairs and lowest(t, t.n_pairs - 1) == t.height[u]:
        t.n_pairs -= 1
        if t.left_low[t.n_pairs] >= 0:
            t.side[t.left_low[t.n_pairs]] = -1
    if t.n_pairs == 0:
        return
    i = t.n_pairs - 1
    trim(t, &t.left_low[i], &t.left_high[i], t.right_low[i], u)
    trim(t, &t.right_low[i], &t.right_high[i], t.left_low[i], u)
    if t.low[e] < t.height[u]:
        left = t.left_high[i]
        right = t.right_high[i]
        if left < 0 or (right >= 0 and t.low[left] <= t.low[right]):
            left = right
        t.ref[e] = left


cdef bint test(Test* t) noexcept nogil:
    """True if no constraint is violated: then the graph is planar."""
    cdef i32 root, v, e, up, n_path
    cdef bint down
    for e in range(t.m):
        t.side[e] = 1
        t.ref[e] = -1
        t.bottom[e] = -1
    for root in range(t.n):
        if t.above[root] >= 0:
            continue
        t.path[0] = root
        n_path = 1
        while n_path:
            v = t.path[n_path - 1]
            up = t.above[v]
            down = False
            while t.at[v] < end(t, v):
                e = t.sorted[t.at[v]]
                if t.bottom[e] < 0:
                    t.bottom[e] = t.n_pairs
                    if t.above[head(t, e)] == e:
                        t.path[n_path] = head(t, e)
                        n_path += 1
                        down = True
                        break
                    t.low_edge[e] = e
                    t.left_low[t.n_pairs] = t.left_high[t.n_pairs] = -1
                    t.right_low[t.n_pairs] = t.right_high[t.n_pairs] = e
                    t.n_pairs += 1
                if t.low[e] < t.height[v]:
                    if t.at[v] == t.first[v]:
                        t.low_edge[up] = t.low_edge[e]
                    elif not constrain(t, e, up):
                        return False
                t.at[v] += 1
            if not down:
                n_path -= 1
                if up >= 0:
                    leave(t, up)
    return True


# ------------------------------------------------------------------ the embedding

cdef void resolve(Test* t) noexcept nogil:
    """Make the sides absolute and sign the nesting order with them."""
    cdef i32 e, f, k
    for e in range(t.m):
        # down the references, then back up
        k = 0
        f = e
        while t.ref[f] >= 0:
            t.trail[k] = f
            k += 1
            f = t.ref[f]
        while k:
            k -= 1
            f = t.trail[k]
            t.side[f] *= t.side[t.ref[f]]
            t.ref[f] = -1
    for e in range(t.m):
        t.depth[e] *= t.side[e]


cdef inline void insert(i32* turn, i32* back, i32 h, i32 after) noexcept nogil:
    """Put half-edge h behind another one."""
    turn[h] = turn[after]
    back[turn[h]] = h
    turn[after] = h
    back[h] = after


cdef void embed(Test* t, i32* turn, i32* back) noexcept nogil:
    """Write the rotation: the half-edge after and before each one."""
    cdef i32 root, v, w, e, h, i, n_path
    # the half-edges along the orientation, in nesting order
    for v in range(t.n):
        for i in range(t.first[v], end(t, v)):
            h = t.way[t.sorted[i]]
            turn[h] = back[h] = h
            if i > t.first[v]:
                insert(turn, back, h, t.way[t.sorted[i - 1]])
    # those against it: tree edges first of all; back edges beside the tree edge that
    # leads to them, on the left before those met earlier
    cdef i32* left = t.bucket
    cdef i32* right = t.bucket + t.n
    for v in range(t.n):
        t.at[v] = t.first[v]
    for root in range(t.n):
        if t.above[root] >= 0:
            continue
        t.path[0] = root
        n_path = 1
        while n_path:
            v = t.path[n_path - 1]
            if t.at[v] == end(t, v):
                n_path -= 1
                continue
            e = t.sorted[t.at[v]]
            t.at[v] += 1
            w = head(t, e)
            h = t.way[e] ^ 1
            if t.above[w] == e:
                turn[h] = back[h] = h
                if t.first[w] < end(t, w):
                    insert(turn, back, h, back[t.way[t.sorted[t.first[w]]]])
                left[v] = right[v] = t.way[e]
                t.path[n_path] = w
                n_path += 1
            elif t.side[e] > 0:
                insert(turn, back, h, right[w])
            else:
                insert(turn, back, h, back[left[w]])
                left[w] = h


def plane(const i64[::1] start, const i32[::1] leaving, const i32[::1] ends,
          i32[::1] turn, i32[::1] back, i32[::1] scratch):
    """Write a rotation system of genus 0; returns False if there is none.

    start, leaving, ends: as for `_embedding.propagate`. turn[h] is the half-edge after
    h around its vertex, back[h] the one before. `scratch`: `room` entries.
    """
    cdef Test state
    cdef Test* t = &state
    cdef bint planar
    bind(t, scratch, <i32>(start.shape[0] - 1), turn.shape[0] // 2)
    t.start = &start[0]
    t.leaving = &leaving[0]
    t.ends = &ends[0]
    with nogil:
        orient(t)
        sort(t)
        planar = test(t)
        if planar:
            resolve(t)
            sort(t)
            embed(t, &turn[0], &back[0])
    return bool(planar)


def room(i64 n, i64 m):
    """How many entries `plane` needs beside its arguments."""
    return EDGE * m + VERTEX * n + 4 * n + 4
