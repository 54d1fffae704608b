"""Exact reductions: elimination up to degree 3 and domination, (4.1)-(4.4).

Storage
-------
Edge e is the pair of arcs 2e and 2e + 1; ``head[arc]`` is where an arc points, and the
arcs that leave a vertex form a doubly linked list (``first``, ``succ``, ``pred``, ends
marked -1). ``table`` is an open-addressing hash of the edges by their end vertices (e,
or -1 for an empty place), so that "is there an edge ab" costs the same at a hub as
anywhere else. No rule adds more edges than it removes: m places suffice for ever.

Three stacks of vertices wait for work: degree at most 2, degree 3, and domination (last
in, first out leaves fewer vertices than first in, first out: G70 1,398 against 1,431). A
vertex of degree above 3 is scanned for domination again once a sixteenth of its list
has changed, which makes all scans together linear in the number of changes.

Reads and writes everything in `Work`; about 100 to 200 ns an edge touched (three cache
misses). Invariants: lists, degrees and table always hold the same simple graph without
zero weights, and
    max cut of the graph = constant + max cut of what is left   (up to `noise` * 2^-53).
"""

from libc.math cimport fabs, fmax
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint64_t


cdef struct Work:
    int64_t n
    uint64_t mask           # places of the table minus one
    int32_t* head
    int32_t* succ
    int32_t* pred
    double* weight
    int32_t* first
    int32_t* degree
    int32_t* changes
    int32_t* table
    int32_t* spare          # stack of unused edge numbers
    int32_t* stack          # three stacks of n vertices
    uint8_t* waiting        # bit r: the vertex is in stack r
    uint8_t* alive
    int32_t* step_vertex    # the steps done: which vertex went,
    int32_t* step_end       # its up to three neighbours (-1: none),
    double* step_weight     # the weights to them,
    uint8_t* step_swap      # and whether the neighbour was the dominated one
    int64_t* count          # steps, spare edges, heights of the three stacks
    double* total           # constant, its compensation, noise


cdef inline uint64_t place_of(Work* s, int32_t a, int32_t b) noexcept nogil:
    cdef uint64_t low = a if a < b else b
    cdef uint64_t high = b if a < b else a
    cdef uint64_t mixed = ((low << 32) | high) * <uint64_t>0x9E3779B97F4A7C15
    return (mixed ^ (mixed >> 29)) * <uint64_t>0xBF58476D1CE4E5B9 >> 20 & s.mask


cdef inline int32_t find(Work* s, int32_t a, int32_t b, uint64_t* place) noexcept nogil:
    """The edge ab, or -1 and the place where it belongs."""
    cdef uint64_t at = place_of(s, a, b)
    cdef int32_t e
    while True:
        e = s.table[at]
        if e < 0:
            break
        if (s.head[2 * e] == b and s.head[2 * e + 1] == a) or (
            s.head[2 * e] == a and s.head[2 * e + 1] == b
        ):
            break
        at = (at + 1) & s.mask
    place[0] = at
    return e


cdef inline void forget(Work* s, uint64_t hole) noexcept nogil:
    """Empty a place of the table; what its entry had displaced moves back."""
    cdef uint64_t at = hole, home
    cdef int32_t e
    while True:
        at = (at + 1) & s.mask
        e = s.table[at]
        if e < 0:
            break
        home = place_of(s, s.head[2 * e], s.head[2 * e + 1])
        if ((at - home) & s.mask) >= ((at - hole) & s.mask):
            s.table[hole] = e
            hole = at
    s.table[hole] = -1


cdef inline void attach(Work* s, int32_t arc) noexcept nogil:
    cdef int32_t u = s.head[arc ^ 1], old = s.first[u]
    s.pred[arc] = -1
    s.succ[arc] = old
    if old >= 0:
        s.pred[old] = arc
    s.first[u] = arc
    s.degree[u] += 1


cdef inline void detach(Work* s, int32_t arc) noexcept nogil:
    cdef int32_t u = s.head[arc ^ 1], before = s.pred[arc], after = s.succ[arc]
    if before >= 0:
        s.succ[before] = after
    else:
        s.first[u] = after
    if after >= 0:
        s.pred[after] = before
    s.degree[u] -= 1


cdef inline void insert(
    Work* s, int32_t e, int32_t a, int32_t b, double w, uint64_t place
) noexcept nogil:
    s.head[2 * e] = b
    s.head[2 * e + 1] = a
    s.weight[e] = w
    s.table[place] = e
    attach(s, 2 * e)
    attach(s, 2 * e + 1)


cdef inline void remove(Work* s, int32_t e) noexcept nogil:
    cdef uint64_t place
    find(s, s.head[2 * e], s.head[2 * e + 1], &place)
    forget(s, place)
    detach(s, 2 * e)
    detach(s, 2 * e + 1)
    s.spare[s.count[1]] = e
    s.count[1] += 1


cdef inline void add_edge(Work* s, int32_t a, int32_t b, double w) noexcept nogil:
    """w_ab += w."""
    cdef uint64_t place
    cdef int32_t e
    if w == 0:
        return
    e = find(s, a, b, &place)
    if e < 0:
        s.count[1] -= 1
        insert(s, s.spare[s.count[1]], a, b, w, place)
        s.total[2] += fabs(w)
        return
    w += s.weight[e]
    s.total[2] += fabs(w)
    if w == 0:
        remove(s, e)
    else:
        s.weight[e] = w


cdef inline void add_constant(Work* s, double w) noexcept nogil:
    """constant += w, the rounding error kept beside it (two-sum)."""
    cdef double old = s.total[0], new = old + w, part = new - old
    s.total[1] += (old - (new - part)) + (w - part)
    s.total[0] = new


cdef inline void wait(Work* s, int32_t u, int r) noexcept nogil:
    if s.waiting[u] >> r & 1:
        return
    s.waiting[u] |= 1 << r
    s.stack[r * s.n + s.count[2 + r]] = u
    s.count[2 + r] += 1


cdef inline int32_t next_waiting(Work* s, int r) noexcept nogil:
    cdef int32_t u
    s.count[2 + r] -= 1
    u = s.stack[r * s.n + s.count[2 + r]]
    s.waiting[u] &= ~(1 << r)
    return u


cdef inline void changed(Work* s, int32_t u) noexcept nogil:
    """Let a rule look at u again, now or after enough changes."""
    s.changes[u] += 1
    if s.degree[u] <= 2:
        wait(s, u, 0)
    elif s.degree[u] == 3:
        wait(s, u, 1)
    elif 16 * <int64_t>s.changes[u] >= s.degree[u]:
        wait(s, u, 2)


cdef inline int64_t record(Work* s, int32_t u) noexcept nogil:
    cdef int64_t step = s.count[0]
    s.count[0] += 1
    s.step_vertex[step] = u
    s.alive[u] = 0
    return step


cdef void eliminate(Work* s, int32_t u) noexcept nogil:
    """(4.1)-(4.3): maximise over the side of u, which has at most three neighbours."""
    cdef int64_t step = record(s, u)
    cdef int32_t d = s.degree[u], i
    cdef int32_t* end = &s.step_end[3 * step]
    cdef double* w = &s.step_weight[3 * step]
    cdef double total, f0, fa, fb, fc
    for i in range(d):
        end[i] = s.head[s.first[u]]
        w[i] = s.weight[s.first[u] >> 1]
        s.total[2] += 64 * fabs(w[i])
        remove(s, s.first[u] >> 1)
    if d == 1:
        # (4.1)
        add_constant(s, fmax(0, w[0]))
    elif d == 2:
        # (4.2)
        f0 = fmax(0, w[0] + w[1])
        add_constant(s, f0)
        add_edge(s, end[0], end[1], fmax(w[0], w[1]) - f0)
    elif d == 3:
        # (4.3)
        total = w[0] + w[1] + w[2]
        f0 = fmax(0, total)
        fa = fmax(w[0], total - w[0])
        fb = fmax(w[1], total - w[1])
        fc = fmax(w[2], total - w[2])
        add_constant(s, f0)
        add_edge(s, end[0], end[1], (fa + fb - fc - f0) / 2)
        add_edge(s, end[0], end[2], (fa + fc - fb - f0) / 2)
        add_edge(s, end[1], end[2], (fb + fc - fa - f0) / 2)
    for i in range(d):
        changed(s, end[i])


cdef void contract(Work* s, int32_t u, int32_t arc) noexcept nogil:
    """(4.4): the edge of `arc` decides the side of u; the shorter list moves."""
    cdef int32_t v = s.head[arc], gone = u, kept = v, e, z
    cdef double w = s.weight[arc >> 1], moved
    cdef int64_t step
    if s.degree[v] < s.degree[u]:
        gone, kept = v, u
    step = record(s, gone)
    s.step_end[3 * step] = kept
    s.step_weight[3 * step] = w
    s.step_swap[step] = gone == v
    if w > 0:
        add_constant(s, w)
    remove(s, arc >> 1)
    while s.first[gone] >= 0:
        e = s.first[gone] >> 1
        z = s.head[s.first[gone]]
        moved = s.weight[e]
        remove(s, e)
        if w > 0:
            # x_gone = -x_kept: moved (1 + x_kept x_z) / 2
            add_constant(s, moved)
            moved = -moved
        add_edge(s, kept, z, moved)
        changed(s, z)
    s.changes[kept] += s.degree[kept]
    changed(s, kept)


cdef int64_t dominate(Work* s, int32_t u) noexcept nogil:
    """Contract u if one edge outweighs the others; the number of arcs visited."""
    cdef int32_t arc = s.first[u], best = -1
    cdef int64_t visited = s.degree[u]
    cdef double w, heaviest = 0, total = 0
    s.changes[u] = 0
    while arc >= 0:
        w = fabs(s.weight[arc >> 1])
        total += w
        if w > heaviest:
            heaviest = w
            best = arc
        arc = s.succ[arc]
    # (4.4)
    if heaviest >= total - heaviest:
        s.total[2] += (64 + visited) * total
        contract(s, u, best)
        visited *= 2
    return visited


cdef int64_t advance(Work* s, int64_t budget) noexcept nogil:
    cdef int64_t visited = 0
    cdef int32_t u
    cdef int r
    while visited < budget:
        if s.count[2] > 0:
            r = 0
        elif s.count[3] > 0:
            r = 1
        elif s.count[4] > 0:
            r = 2
        else:
            break
        u = next_waiting(s, r)
        visited += 1
        if not s.alive[u]:
            continue
        if s.degree[u] <= 3:
            visited += s.degree[u]
            eliminate(s, u)
        elif r == 2:
            visited += dominate(s, u)
    return visited


cdef Work work_of(
    int32_t[:, ::1] arcs, double[::1] weight, int32_t[:, ::1] vertices,
    uint8_t[:, ::1] flags, int32_t[::1] table, int32_t[::1] spare,
    int32_t[:, ::1] step_end, double[:, ::1] step_weight, int64_t[::1] count,
    double[::1] total,
) noexcept nogil:
    cdef Work s
    s.n = vertices.shape[1]
    s.mask = table.shape[0] - 1
    s.head, s.succ, s.pred = &arcs[0, 0], &arcs[1, 0], &arcs[2, 0]
    s.weight = &weight[0]
    s.first, s.degree, s.changes = &vertices[0, 0], &vertices[1, 0], &vertices[2, 0]
    s.step_vertex, s.stack = &vertices[3, 0], &vertices[4, 0]
    s.waiting, s.alive, s.step_swap = &flags[0, 0], &flags[1, 0], &flags[2, 0]
    s.table, s.spare = &table[0], &spare[0]
    s.step_end, s.step_weight = &step_end[0, 0], &step_weight[0, 0]
    s.count, s.total = &count[0], &total[0]
    return s


def load(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights,
    int64_t begin, int64_t end, int64_t edge, double scale, int32_t[:, ::1] arcs,
    double[::1] weight, int32_t[:, ::1] vertices, uint8_t[:, ::1] flags,
    int32_t[::1] table, int32_t[::1] spare, int32_t[:, ::1] step_end,
    double[:, ::1] step_weight, int64_t[::1] count, double[::1] total,
):
    """Enter the edges of rows begin..end-1, numbered from `edge`; the next number."""
    cdef Work s = work_of(
        arcs, weight, vertices, flags, table, spare, step_end, step_weight, count, total
    )
    cdef int64_t u, k
    cdef uint64_t place
    with nogil:
        for u in range(begin, end):
            for k in range(indptr[u], indptr[u + 1]):
                if indices[k] > u:
                    find(&s, <int32_t>u, indices[k], &place)
                    insert(
                        &s, <int32_t>edge, <int32_t>u, indices[k], scale * weights[k],
                        place,
                    )
                    edge += 1
            k = indptr[u + 1] - indptr[u]
            wait(&s, <int32_t>u, 0 if k <= 2 else (1 if k == 3 else 2))
    return edge


def slice(
    int64_t budget, int32_t[:, ::1] arcs, double[::1] weight,
    int32_t[:, ::1] vertices, uint8_t[:, ::1] flags, int32_t[::1] table,
    int32_t[::1] spare, int32_t[:, ::1] step_end, double[:, ::1] step_weight,
    int64_t[::1] count, double[::1] total,
):
    """Apply the rules until `budget` arcs are visited; below it: nothing is left."""
    cdef Work s = work_of(
        arcs, weight, vertices, flags, table, spare, step_end, step_weight, count, total
    )
    with nogil:
        budget = advance(&s, budget)
    return budget


def lift(
    const int32_t[::1] step_vertex, const int32_t[:, ::1] step_end,
    const double[:, ::1] step_weight, int8_t[::1] x,
):
    """Undo the steps, last first: each vertex takes the better side."""
    cdef int64_t step
    cdef int i
    cdef double pull
    with nogil:
        for step in range(step_vertex.shape[0] - 1, -1, -1):
            pull = 0
            for i in range(3):
                if step_end[step, i] >= 0:
                    pull += step_weight[step, i] * x[step_end[step, i]]
            x[step_vertex[step]] = -1 if pull > 0 else 1


def project(
    const int32_t[::1] step_vertex, const int32_t[:, ::1] step_end,
    const double[:, ::1] step_weight, const uint8_t[::1] step_swap, int8_t[::1] x,
):
    """Do the steps on a partition: a dominated vertex that stays obeys first."""
    cdef int64_t step
    cdef int8_t side
    with nogil:
        for step in range(step_vertex.shape[0]):
            if step_swap[step]:
                side = x[step_vertex[step]]
                x[step_end[step, 0]] = -side if step_weight[step, 0] > 0 else side
