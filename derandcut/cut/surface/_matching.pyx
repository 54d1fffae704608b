"""Minimum-weight perfect matching on a sparse graph, all alternating trees at once.

Edmonds' primal-dual method on int64 numbers. Duals, in the convention of the slack

    slack(u, v) = W_uv - Y_u - Y_v + sum of z_B over the blossoms B that hold u and v,

are feasible (slack >= 0, z >= 0) throughout, matched edges and blossom cycles are
tight. Their value sum Y - sum z_B (|B| - 1) / 2 is the lower bound `dual_value`
recomputes after checking all of this from the arrays alone.

A *wave* grows a tree from every exposed vertex, all duals at the same pace `delta`.
Where two trees meet both are felled, the others grow on. The closer the optimum, the
larger is the region whose reduced costs are below a given number, all of the graph in
the end; two trees that meet have each gone half of the way, and explored far less than
half of what one tree alone would have to.

Weights are even; then the duals of the vertices of one tree are congruent mod 2 (its
edges are tight). A wave starts from exposed vertices whose duals are congruent, so
every dual step is an integer and nothing is ever rounded; the other exposed ones are
met like any vertex, or have a wave of their own.

Memory: two arrays, `big` (int64) and `small` (int32), laid out by `layout`; copying
them copies a solver. A vertex is a blossom of size one; blossoms are n .. 3n/2. Each
outermost blossom owns one *set*: a vertex's dual is y[v] + off[set] + sign[set] * delta,
so a dual step touches nothing. Merging keeps the largest set (n log n relabelings a
tree). The vertices of a blossom are one segment of a linked list.

Work: one unit = one edge looked at.
"""
from libc.stdint cimport int32_t, int64_t

ctypedef int32_t i32
ctypedef int64_t i64

cdef i64 FOREVER = <i64>1 << 62

cdef enum:
    FREE = 0
    OUTER = 1      # even distance from the root: duals grow
    INNER = -1     # odd distance: duals shrink

# Counters at the head of `big`.
cdef enum:
    N_BLOSSOM_IDS = 0
    N_SET_IDS = 1
    WORK = 2
    STAMP = 3
    DELTA = 4               # of a wave in progress
    N_HEAP = 5
    N_NOW = 6
    N_TREES = 7
    HEADER = 8

cdef struct Solver:
    i32 n, m, capacity
    i64* head
    i64* weight      # m, even
    i64* y           # n
    i64* off         # n, by set
    i64* z           # nodes
    i64* since       # nodes: delta when the label was given
    i64* key         # heap
    i32* code        # heap: edge, or -1 - blossom to expand
    i32* tail        # m
    i32* top         # m: the two ends of an edge
    i32* start       # n + 1
    i32* around      # 2 m: edges at a vertex
    i32* mate        # n: matched edge or -1
    i32* group       # n: set of a vertex
    i32* owner       # n, by set: its outermost blossom
    i32* sign        # n, by set
    i32* follow      # n: next vertex in a blossom's segment
    i32* set_ids     # n: free set numbers
    i32* size        # nodes: vertices in it
    i32* parent      # nodes: enclosing blossom or -1
    i32* base        # nodes: the vertex matched outside
    i32* first       # nodes: the child that holds the base
    i32* after       # nodes: next child around the cycle
    i32* link        # nodes: edge to it
    i32* label       # nodes
    i32* via         # nodes: INNER: the edge from its tree parent
    i32* head_vertex # nodes: its segment
    i32* last_vertex # nodes
    i32* stamp       # nodes
    i32* blossom_ids # nodes: free blossom numbers
    i32* next        # nodes: the next one listed for the same tree
    i32* before      # nodes: the one before
    i32* root        # nodes: the exposed vertex at the root of its tree
    i32* members     # n, by root: the first one listed for its tree
    i32* cycle       # nodes
    i32* todo        # 2 nodes
    i64 delta
    i32 n_heap, n_now, n_trees


def layout(i64 n, i64 m):
    """Return the lengths of `big` and `small`."""
    cdef i64 nodes = n + n // 2 + 1
    cdef i64 capacity = 4 * m + nodes + 16
    return (
        HEADER + m + 2 * n + 2 * nodes + capacity,
        capacity + 4 * m + 1 + 8 * n + 18 * nodes,
    )


def durable(i64 n, i64 m):
    """Return how much of `big` and `small` a copy needs (the heap comes last)."""
    cdef i64 nodes = n + n // 2 + 1
    return HEADER + m + 2 * n + 2 * nodes, 4 * m + 1 + 7 * n + 12 * nodes


cdef void bind(Solver* s, i64[::1] big, i32[::1] small, i32 n, i32 m) noexcept:
    cdef i64 nodes = n + n // 2 + 1
    cdef i64* p = &big[0]
    cdef i32* q = &small[0]
    s.n, s.m = n, m
    s.capacity = <i32>(4 * <i64>m + nodes + 16)
    s.head = p; p += HEADER
    s.weight = p; p += m
    s.y = p; p += n
    s.off = p; p += n
    s.z = p; p += nodes
    s.since = p; p += nodes
    s.key = p
    s.tail = q; q += m
    s.top = q; q += m
    s.start = q; q += n + 1
    s.around = q; q += 2 * <i64>m
    s.mate = q; q += n
    s.group = q; q += n
    s.owner = q; q += n
    s.sign = q; q += n
    s.follow = q; q += n
    s.set_ids = q; q += n
    s.size = q; q += nodes
    s.parent = q; q += nodes
    s.base = q; q += nodes
    s.first = q; q += nodes
    s.after = q; q += nodes
    s.link = q; q += nodes
    s.label = q; q += nodes
    s.via = q; q += nodes
    s.head_vertex = q; q += nodes
    s.last_vertex = q; q += nodes
    s.stamp = q; q += nodes
    s.blossom_ids = q; q += nodes
    s.next = q; q += nodes
    s.before = q; q += nodes
    s.root = q; q += nodes
    s.members = q; q += n
    s.cycle = q; q += nodes
    s.todo = q; q += 2 * nodes
    s.code = q
    s.delta = s.head[DELTA]
    s.n_heap = <i32>s.head[N_HEAP]
    s.n_now = <i32>s.head[N_NOW]
    s.n_trees = <i32>s.head[N_TREES]


# ----------------------------------------------------------------- small functions

cdef inline i32 other(Solver* s, i32 e, i32 v) noexcept nogil:
    return s.tail[e] + s.top[e] - v


cdef inline i32 outermost(Solver* s, i32 v) noexcept nogil:
    return s.owner[s.group[v]]


cdef inline i64 dual(Solver* s, i32 v) noexcept nogil:
    cdef i32 g = s.group[v]
    return s.y[v] + s.off[g] + s.sign[g] * s.delta


cdef inline i64 slack(Solver* s, i32 e) noexcept nogil:
    """Of an edge between two outermost blossoms."""
    return s.weight[e] - dual(s, s.tail[e]) - dual(s, s.top[e])


cdef inline void turn(Solver* s, i32 g, i32 sign) noexcept nogil:
    """Change the direction in which a set's duals move."""
    s.off[g] += (s.sign[g] - sign) * s.delta
    s.sign[g] = sign


cdef inline i64 blossom_dual(Solver* s, i32 b) noexcept nogil:
    return s.z[b] + 2 * s.label[b] * (s.delta - s.since[b])


cdef inline void relabel(Solver* s, i32 b, i32 label) noexcept nogil:
    """Label an outermost blossom, settling its z."""
    s.z[b] = blossom_dual(s, b)
    s.label[b] = label
    s.since[b] = s.delta


cdef inline void join(Solver* s, i32 b, i32 label, i32 root) noexcept nogil:
    """Label an outermost blossom and its set as part of a tree."""
    cdef i32 f = s.members[root]
    relabel(s, b, label)
    turn(s, s.group[s.head_vertex[b]], label)
    s.root[b] = root
    s.before[b] = -1
    s.next[b] = f
    if f >= 0:
        s.before[f] = b
    s.members[root] = b


cdef inline void unlist(Solver* s, i32 b) noexcept nogil:
    """Forget a blossom that is no more."""
    if s.before[b] < 0:
        s.members[s.root[b]] = s.next[b]
    else:
        s.next[s.before[b]] = s.next[b]
    if s.next[b] >= 0:
        s.before[s.next[b]] = s.before[b]


# ---------------------------------------------------------------------------- heap

cdef void heap_push(Solver* s, i64 key, i32 code) noexcept nogil:
    cdef i32 i, up
    if s.n_heap + s.n_now == s.capacity:
        refill(s)
    if key == s.delta:          # due at once: a stack at the other end
        s.n_now += 1
        s.code[s.capacity - s.n_now] = code
        return
    i = s.n_heap
    s.n_heap += 1
    while i:
        up = (i - 1) >> 1
        if s.key[up] <= key:
            break
        s.key[i] = s.key[up]
        s.code[i] = s.code[up]
        i = up
    s.key[i] = key
    s.code[i] = code


cdef i32 heap_pop(Solver* s, i64* key) noexcept nogil:
    cdef i32 result = s.code[0], i = 0, j, last, n
    cdef i64 moved
    if s.n_now:
        s.n_now -= 1
        key[0] = s.delta
        return s.code[s.capacity - s.n_now - 1]
    key[0] = s.key[0]
    s.n_heap -= 1
    n = s.n_heap
    moved = s.key[n]
    last = s.code[n]
    while True:
        j = 2 * i + 1
        if j >= n:
            break
        if j + 1 < n and s.key[j + 1] < s.key[j]:
            j += 1
        if s.key[j] >= moved:
            break
        s.key[i] = s.key[j]
        s.code[i] = s.code[j]
        i = j
    s.key[i] = moved
    s.code[i] = last
    return result


cdef void refill(Solver* s) noexcept nogil:
    """Drop stale events: at most 2 m edges and the INNER blossoms are left."""
    cdef i32 b
    s.n_heap = s.n_now = 0
    for b in range(s.n + s.n // 2 + 1):
        if s.label[b] == OUTER:
            scan_blossom(s, b, True)
        elif s.label[b] == INNER and b >= s.n:
            heap_push(s, s.delta + blossom_dual(s, b) // 2, -1 - b)


cdef void scan_outer(Solver* s, i32 v) noexcept nogil:
    """Queue the moments at which the edges of an OUTER vertex become tight."""
    cdef i32 i, e, u, label
    cdef i32 g = s.group[v]
    cdef i64 room
    s.head[WORK] += s.start[v + 1] - s.start[v]
    for i in range(s.start[v], s.start[v + 1]):
        e = s.around[i]
        u = other(s, e, v)
        if s.group[u] == g:
            continue
        label = s.label[outermost(s, u)]
        if label == INNER:
            continue
        room = slack(s, e)
        heap_push(s, s.delta + (room // 2 if label == OUTER else room), e)


cdef void scan_free(Solver* s, i32 v) noexcept nogil:
    """The same for a vertex that an expansion set free."""
    cdef i32 i, e
    s.head[WORK] += s.start[v + 1] - s.start[v]
    for i in range(s.start[v], s.start[v + 1]):
        e = s.around[i]
        if s.label[outermost(s, other(s, e, v))] == OUTER:
            heap_push(s, s.delta + slack(s, e), e)


cdef void scan_blossom(Solver* s, i32 b, bint outer) noexcept nogil:
    cdef i32 v = s.head_vertex[b]
    while True:
        if outer:
            scan_outer(s, v)
        else:
            scan_free(s, v)
        if v == s.last_vertex[b]:
            break
        v = s.follow[v]


# ------------------------------------------------------------------ the matching

cdef void rebase(Solver* s, i32 b, i32 x) noexcept nogil:
    """Re-match inside b so that x becomes its base."""
    cdef i32 n_todo = 1, c, p, d, e, u, v, i
    s.todo[0] = b
    s.todo[1] = x
    while n_todo:
        n_todo -= 1
        b = s.todo[2 * n_todo]
        x = s.todo[2 * n_todo + 1]
        c = x
        while c != b:
            p = s.parent[c]
            if s.first[p] != c:
                # children 0 .. 2k from the base, pairs (1, 2) .. (2k - 1, 2k) matched
                i = 0
                d = s.first[p]
                while d != c:
                    d = s.after[d]
                    i += 1
                # i even: pairs (0, 1) .. (i - 2, i - 1); odd: (i + 1, i + 2) .. (2k, 0)
                d = s.first[p] if i % 2 == 0 else s.after[c]
                while d != c and not (i % 2 and d == s.first[p]):
                    e = s.link[d]
                    u = s.tail[e]
                    v = s.top[e]
                    s.mate[u] = e
                    s.mate[v] = e
                    if not holds(s, d, u):
                        u, v = v, u
                    if d >= s.n:
                        s.todo[2 * n_todo] = d
                        s.todo[2 * n_todo + 1] = u
                        n_todo += 1
                    d = s.after[d]
                    if d >= s.n:
                        s.todo[2 * n_todo] = d
                        s.todo[2 * n_todo + 1] = v
                        n_todo += 1
                    if i % 2 and d == s.first[p]:
                        break
                    d = s.after[d]
                s.first[p] = c
            s.base[p] = x
            c = p


cdef inline bint holds(Solver* s, i32 b, i32 v) noexcept nogil:
    """True if v lies in b, a child of some blossom that holds v."""
    cdef i32 c = v, p = s.parent[b]
    while s.parent[c] != p and s.parent[c] >= 0:
        c = s.parent[c]
    return c == b


cdef void flip(Solver* s, i32 e, i32 u) noexcept nogil:
    """Match the OUTER vertex u by e and flip the path to the root."""
    cdef i32 b, c, f, q
    while True:
        b = outermost(s, u)
        f = s.mate[s.base[b]]
        if f >= 0:
            c = outermost(s, other(s, f, s.base[b]))
        rebase(s, b, u)
        s.mate[u] = e
        if f < 0:
            return
        e = s.via[c]
        q = s.tail[e] if outermost(s, s.tail[e]) == c else s.top[e]
        rebase(s, c, q)
        s.mate[q] = e
        u = other(s, e, q)


cdef inline i32 inner_above(Solver* s, i32 b) noexcept nogil:
    """The INNER blossom an OUTER one is matched to, -1 at the root."""
    cdef i32 f = s.mate[s.base[b]]
    return -1 if f < 0 else outermost(s, other(s, f, s.base[b]))


cdef inline i32 outer_above(Solver* s, i32 c) noexcept nogil:
    cdef i32 e = s.via[c]
    cdef i32 b = outermost(s, s.tail[e])
    return outermost(s, s.top[e]) if b == c else b


cdef void shrink(Solver* s, i32 e) noexcept nogil:
    """Contract the odd cycle that the tight edge e closes between two OUTER blossoms."""
    cdef i32 left = outermost(s, s.tail[e]), right = outermost(s, s.top[e])
    cdef i32 a, b, c, d, g, keep, largest, i, n_cycle, v, blossom
    cdef i32 stamp
    cdef i64 shift
    # the nearest common ancestor, climbing in turns
    s.head[STAMP] += 1
    stamp = <i32>s.head[STAMP]
    b, d = left, right
    while True:
        if b >= 0:
            if s.stamp[b] == stamp:
                a = b
                break
            s.stamp[b] = stamp
            c = inner_above(s, b)
            b = -1 if c < 0 else outer_above(s, c)
        b, d = d, b
        if b < 0:
            b, d = d, b
    # children in cyclic order from the ancestor
    s.head[N_BLOSSOM_IDS] -= 1
    blossom = s.blossom_ids[s.head[N_BLOSSOM_IDS]]
    n_cycle = 0
    b = right
    d = e
    while b != a:               # right, upwards
        c = inner_above(s, b)
        s.cycle[n_cycle] = b
        s.cycle[n_cycle + 1] = c
        n_cycle += 2
        s.link[b] = s.mate[s.base[b]]
        s.after[b] = c
        s.link[c] = s.via[c]
        b = outer_above(s, c)
        s.after[c] = b
    d = right
    c = e
    b = left
    while b != a:               # left, each pointing back down
        s.after[b] = d
        s.link[b] = c
        s.cycle[n_cycle] = b
        d = b
        c = s.mate[s.base[b]]
        b = inner_above(s, b)
        s.after[b] = d
        s.link[b] = c
        s.cycle[n_cycle + 1] = b
        n_cycle += 2
        d = b
        c = s.via[b]
        b = outer_above(s, b)
    s.after[a] = d
    s.link[a] = c
    s.cycle[n_cycle] = a
    n_cycle += 1
    # one set for all of them
    largest = a
    s.size[blossom] = 0
    for i in range(n_cycle):
        b = s.cycle[i]
        s.size[blossom] += s.size[b]
        if s.size[b] > s.size[largest]:
            largest = b
    keep = s.group[s.head_vertex[largest]]
    turn(s, keep, OUTER)
    for i in range(n_cycle):
        b = s.cycle[i]
        g = s.group[s.head_vertex[b]]
        if g == keep:
            continue
        shift = s.off[g] + s.sign[g] * s.delta - s.off[keep] - s.delta
        v = s.head_vertex[b]
        while True:
            s.group[v] = keep
            s.y[v] += shift
            if v == s.last_vertex[b]:
                break
            v = s.follow[v]
        s.set_ids[s.head[N_SET_IDS]] = g
        s.head[N_SET_IDS] += 1
    s.owner[keep] = blossom
    s.base[blossom] = s.base[a]
    s.first[blossom] = a
    s.parent[blossom] = -1
    s.z[blossom] = 0
    s.label[blossom] = FREE
    s.since[blossom] = s.delta
    b = a
    s.head_vertex[blossom] = s.head_vertex[a]
    while True:
        c = s.after[b]
        if c == a:
            break
        s.follow[s.last_vertex[b]] = s.head_vertex[c]
        b = c
    s.last_vertex[blossom] = s.last_vertex[b]
    join(s, blossom, OUTER, s.root[a])
    for i in range(n_cycle):
        s.parent[s.cycle[i]] = blossom
    for i in range(n_cycle):
        b = s.cycle[i]
        c = s.label[b]
        relabel(s, b, FREE)
        if c == INNER:
            scan_blossom(s, b, True)


cdef void open_blossom(Solver* s, i32 b) noexcept nogil:
    """Make the children of an outermost blossom outermost, same signs and duals."""
    cdef i32 g = s.group[s.head_vertex[b]], h, c, v
    cdef i32 largest = s.first[b]
    c = s.after[largest]
    while c != s.first[b]:
        if s.size[c] > s.size[largest]:
            largest = c
        c = s.after[c]
    while True:
        s.parent[c] = -1
        s.label[c] = FREE
        s.since[c] = s.delta
        h = g
        if c != largest:
            s.head[N_SET_IDS] -= 1
            h = s.set_ids[s.head[N_SET_IDS]]
            s.off[h] = s.off[g]
            s.sign[h] = s.sign[g]
            v = s.head_vertex[c]
            while True:
                s.group[v] = h
                if v == s.last_vertex[c]:
                    break
                v = s.follow[v]
        s.owner[h] = c
        c = s.after[c]
        if c == s.first[b]:
            break
    s.label[b] = FREE
    s.blossom_ids[s.head[N_BLOSSOM_IDS]] = b
    s.head[N_BLOSSOM_IDS] += 1


cdef void expand(Solver* s, i32 b) noexcept nogil:
    """Undo an INNER blossom whose z has come down to zero."""
    cdef i32 e = s.via[b], q, c, d, i, k, n_path, previous, root = s.root[b]
    q = s.tail[e] if outermost(s, s.tail[e]) == b else s.top[e]
    unlist(s, b)
    open_blossom(s, b)
    # the even path from the child the tree enters to the child with the base
    c = outermost(s, q)
    i = 0
    d = s.first[b]
    while d != c:
        d = s.after[d]
        i += 1
    n_path = 0
    if i % 2:                   # forwards: c, ..., last, first
        d = c
        while True:
            s.cycle[n_path] = d
            n_path += 1
            if d == s.first[b]:
                break
            d = s.after[d]
    else:                       # backwards: listed from the base, read in reverse
        d = s.first[b]
        k = i
        while True:
            s.cycle[k] = d
            k -= 1
            n_path += 1
            if d == c:
                break
            d = s.after[d]
    # free first, so that the outer ones see them
    d = s.first[b]
    while True:
        turn(s, s.group[s.head_vertex[d]], FREE)
        d = s.after[d]
        if d == s.first[b]:
            break
    for k in range(n_path):
        d = s.cycle[k]
        if k % 2 == 0:
            if k:
                previous = s.cycle[k - 1]
                e = s.link[previous] if i % 2 else s.link[d]
            s.via[d] = e
            join(s, d, INNER, root)
        else:
            join(s, d, OUTER, root)
    d = s.first[b]
    while True:
        if s.label[d] == INNER:
            if d >= s.n:
                heap_push(s, s.delta + s.z[d] // 2, -1 - d)
        else:
            scan_blossom(s, d, s.label[d] == OUTER)
        d = s.after[d]
        if d == s.first[b]:
            break


cdef void grow(Solver* s, i32 e, i32 b, i32 root) noexcept nogil:
    """Add the free blossom b and its mate to a tree through e."""
    cdef i32 c
    join(s, b, INNER, root)
    s.via[b] = e
    if b >= s.n:
        heap_push(s, s.delta + s.z[b] // 2, -1 - b)
    c = outermost(s, other(s, s.mate[s.base[b]], s.base[b]))
    join(s, c, OUTER, root)
    scan_blossom(s, c, True)


cdef void plant(Solver* s, i32 root) noexcept nogil:
    """Begin a tree at an exposed vertex; its edges are yet to be scanned."""
    s.members[root] = -1
    s.n_trees += 1
    join(s, outermost(s, root), OUTER, root)


cdef void fell(Solver* s, i32 root) noexcept nogil:
    """Take the labels of a tree away; its duals stay as they are."""
    cdef i32 b = s.members[root]
    s.n_trees -= 1
    while b >= 0:
        if s.label[b] != FREE:
            turn(s, s.group[s.head_vertex[b]], FREE)
            relabel(s, b, FREE)
        b = s.next[b]


cdef void rescan(Solver* s, i32 root) noexcept nogil:
    """Queue what a felled tree's vertices are to the trees that grow on."""
    cdef i32 b = s.members[root]
    while b >= 0 and s.n_trees:
        if s.parent[b] < 0:
            scan_blossom(s, b, False)
        b = s.next[b]


cdef void fell_all(Solver* s) noexcept nogil:
    cdef i32 b
    for b in range(s.n + s.n // 2 + 1):
        if s.label[b] != FREE:
            turn(s, s.group[s.head_vertex[b]], FREE)
            relabel(s, b, FREE)
    s.n_trees = s.n_heap = s.n_now = 0


cdef void meet(Solver* s, i32 e, i32 u, i32 v) noexcept nogil:
    """Match e = uv, u OUTER, v in an exposed blossom or OUTER in another tree."""
    cdef i32 b = outermost(s, u), c = outermost(s, v)
    cdef i32 mine = s.root[b], other = -1
    if s.label[c] == OUTER:
        other = s.root[c]
        flip(s, e, v)
    else:
        rebase(s, c, v)
        s.mate[v] = e
    flip(s, e, u)
    fell(s, mine)
    if other >= 0:
        fell(s, other)
        rescan(s, other)
    rescan(s, mine)


cdef void run(Solver* s, i64 until) noexcept nogil:
    """Grow the trees until all are felled, nothing moves or WORK exceeds `until`."""
    cdef i32 code, u, v, b, c
    cdef i64 key
    while s.n_trees and s.n_heap + s.n_now and s.head[WORK] < until:
        code = heap_pop(s, &key)
        s.delta = key
        if code < 0:
            b = -1 - code
            if s.label[b] == INNER and blossom_dual(s, b) == 0:
                expand(s, b)
            continue
        u = s.tail[code]
        v = s.top[code]
        b = outermost(s, u)
        c = outermost(s, v)
        if b == c:
            continue
        if s.label[b] != OUTER:
            u, v = v, u
            b, c = c, b
        if s.label[b] != OUTER or s.label[c] == INNER or slack(s, code) != 0:
            continue
        if s.label[c] == OUTER and s.root[b] == s.root[c]:
            shrink(s, code)
        elif s.label[c] == FREE and s.mate[s.base[c]] >= 0:
            grow(s, code, c, s.root[b])
        else:
            meet(s, code, u, v)


cdef bint start_wave(Solver* s) noexcept nogil:
    """Plant a tree at exposed vertices; False if there is none.

    At those whose duals are congruent mod 2 to the first one's: the slack between two
    OUTER vertices is even then.
    """
    cdef i32 v
    cdef i64 parity = -1
    s.delta = 0
    s.n_heap = s.n_now = s.n_trees = 0
    for v in range(s.n):
        if s.mate[v] < 0:
            if parity < 0:
                parity = dual(s, v) & 1
            if (dual(s, v) & 1) == parity:
                plant(s, v)
    for v in range(s.n):
        if s.mate[v] < 0 and s.label[outermost(s, v)] == OUTER:
            scan_blossom(s, outermost(s, v), True)
    return s.n_trees > 0


# ---------------------------------------------------------------- entry points

def prepare(i64[::1] big, i32[::1] small, i32 n, i32 m,
            const i32[::1] tail, const i32[::1] top, const i64[::1] weight):
    """Write a graph into the workspace, with feasible duals and a greedy matching."""
    cdef Solver state
    cdef Solver* s = &state
    cdef i64 nodes = n + n // 2 + 1, i
    cdef i64 room, least
    cdef i32 v, e, u
    bind(s, big, small, n, m)
    with nogil:
        for i in range(HEADER):
            s.head[i] = 0
        for v in range(n + 1):
            s.start[v] = 0
        for e in range(m):
            s.tail[e] = tail[e]
            s.top[e] = top[e]
            s.weight[e] = weight[e]
            s.start[tail[e]] += 1
            s.start[top[e]] += 1
        for v in range(n):
            s.start[v + 1] += s.start[v]
        for e in range(m - 1, -1, -1):
            s.start[tail[e]] -= 1
            s.around[s.start[tail[e]]] = e
            s.start[top[e]] -= 1
            s.around[s.start[top[e]]] = e
        s.start[n] = 2 * m
        for i in range(nodes):
            s.parent[i] = -1
            s.base[i] = <i32>i
            s.first[i] = s.after[i] = s.link[i] = s.via[i] = -1
            s.label[i] = FREE
            s.size[i] = 1
            s.head_vertex[i] = s.last_vertex[i] = <i32>i
            s.stamp[i] = 0
            s.z[i] = s.since[i] = 0
        for i in range(n, nodes):
            s.blossom_ids[i - n] = <i32>i
        s.head[N_BLOSSOM_IDS] = nodes - n
        for v in range(n):
            s.mate[v] = -1
            s.group[v] = s.owner[v] = s.follow[v] = v
            s.sign[v] = 0
            s.off[v] = 0
            least = 0
            for i in range(s.start[v], s.start[v + 1]):
                e = s.around[i]
                if i == s.start[v] or s.weight[e] // 2 < least:
                    least = s.weight[e] // 2
            s.y[v] = least
        for v in range(n):
            if s.mate[v] >= 0 or s.start[v] == s.start[v + 1]:
                continue
            least = slack(s, s.around[s.start[v]])
            for i in range(s.start[v] + 1, s.start[v + 1]):
                room = slack(s, s.around[i])
                if room < least:
                    least = room
            s.y[v] += least
            for i in range(s.start[v], s.start[v + 1]):
                e = s.around[i]
                u = other(s, e, v)
                if s.mate[u] < 0 and slack(s, e) == 0:
                    s.mate[u] = e
                    s.mate[v] = e
                    break
        for v in range(n):
            # even, so that all trees are congruent
            if s.mate[v] < 0:
                s.y[v] -= s.y[v] & 1


def advance(i64[::1] big, i32[::1] small, i32 n, i32 m, i64 work):
    """Grow trees from the exposed vertices for about `work` units.

    Returns (1 done | 0 not yet | -1 no perfect matching, units spent).
    """
    cdef Solver state
    cdef Solver* s = &state
    cdef int result = 0
    cdef i64 begin
    bind(s, big, small, n, m)
    begin = s.head[WORK]
    with nogil:
        while True:
            if s.n_trees == 0 and not start_wave(s):
                result = 1
                break
            run(s, begin + work)
            if s.n_trees and s.n_heap + s.n_now == 0:
                result = -1
                fell_all(s)
                break
            if s.head[WORK] >= begin + work:
                break
        s.head[DELTA] = s.delta
        s.head[N_HEAP] = s.n_heap
        s.head[N_NOW] = s.n_now
        s.head[N_TREES] = s.n_trees
    return result, s.head[WORK] - begin


def settle(i64[::1] big, i32[::1] small, i32 n, i32 m):
    """Give up the trees of `advance`: the duals in the arrays are then all there is."""
    cdef Solver state
    cdef Solver* s = &state
    bind(s, big, small, n, m)
    fell_all(s)
    s.head[DELTA] = s.head[N_HEAP] = s.head[N_NOW] = s.head[N_TREES] = 0


cdef void release(Solver* s, i32 v) noexcept nogil:
    """Take v out of every blossom; z goes to the duals, at most one match a level."""
    cdef i32 b, x, e, u, g
    cdef i64 half
    while True:
        b = outermost(s, v)
        if b < s.n:
            return
        g = s.group[v]
        half = s.z[b] // 2
        if half:
            # (slack) inside unchanged, across b larger by z / 2
            s.off[g] -= half
            s.z[b] = 0
            x = s.base[b]
            e = s.mate[x]
            if e >= 0:
                s.mate[other(s, e, x)] = -1
                s.mate[x] = -1
        open_blossom(s, b)


def force(i64[::1] big, i32[::1] small, i32 n, i32 m, i32 e, bint matched, i64 penalty):
    """Force a solved matching to use edge e, or not to; `advance` then completes it.

    Forced out: the weight grows by `penalty`. Forced in: both ends leave every other
    edge, whose slack grows by `penalty`. `penalty` is even, and so large that the
    optimum obeys, or is worse by more than the caller cares about.
    """
    cdef Solver state
    cdef Solver* s = &state
    cdef i32 u, v, f, x, i
    bind(s, big, small, n, m)
    with nogil:
        u = s.tail[e]
        v = s.top[e]
        release(s, u)
        release(s, v)
        if matched:
            for i in range(2):
                f = s.mate[u]
                if f >= 0:
                    s.mate[other(s, f, u)] = -1
                    s.mate[u] = -1
                s.y[u] -= penalty
                u, v = v, u
            # even, as every weight
            s.y[u] -= (dual(s, u) + dual(s, v)) & 1
            s.weight[e] = dual(s, u) + dual(s, v)
            s.mate[u] = e
            s.mate[v] = e
        else:
            s.weight[e] += penalty
            if s.mate[u] == e:
                s.mate[u] = -1
                s.mate[v] = -1


def dual_value(i64[::1] big, i32[::1] small, i32 n, i32 m,
               i64[::1] above, i32[::1] depth, i32[::1] jump, i64[::1] reduced):
    """Check a state from its arrays and return the value of its duals.

    Returns None if a dual is infeasible: a negative z or slack, or a blossom that
    is not an odd set. `above` (sum of z from a node to its outermost blossom), `depth`
    and `jump` (ancestors, for lowest common ones) are scratch, one entry a node.
    Writes a lower bound >= 0 on the slack of the first len(reduced) edges.
    """
    cdef Solver state
    cdef Solver* s = &state
    cdef i64 nodes = n + n // 2 + 1, total = 0, room
    cdef i32 v, b, c, e, k
    cdef bint ok = True
    bind(s, big, small, n, m)
    with nogil:
        for b in range(nodes):
            depth[b] = -1
            s.cycle[b] = 0      # number of vertices, counted afresh
        for v in range(n):
            # the ancestors without a depth yet, then down again
            k = 0
            b = v
            while b >= 0 and depth[b] < 0:
                s.todo[k] = b
                k += 1
                b = s.parent[b]
            while k:
                k -= 1
                c = s.todo[k]
                if b < 0:
                    depth[c] = 0
                    jump[c] = c
                    above[c] = 0
                else:
                    depth[c] = depth[b] + 1
                    above[c] = above[b]
                    if depth[b] - depth[jump[b]] == depth[jump[b]] - depth[jump[jump[b]]]:
                        jump[c] = jump[jump[b]]
                    else:
                        jump[c] = b
                if c >= n:
                    above[c] += s.z[c]
                    if s.z[c] < 0:
                        ok = False
                b = c
            total += s.y[v] + s.off[s.group[v]]
        if not contents(s, &depth[0]):
            ok = False
        for b in range(n, nodes):
            if s.cycle[b]:
                total -= s.z[b] * ((s.cycle[b] - 1) // 2)
        k = <i32>reduced.shape[0]
        for e in range(m):
            room = s.weight[e] - s.y[s.tail[e]] - s.off[s.group[s.tail[e]]]
            room -= s.y[s.top[e]] + s.off[s.group[s.top[e]]]
            if e < k:
                reduced[e] = room if room > 0 else 0
            if room >= 0:
                continue
            b = s.tail[e]
            c = s.top[e]
            while b != c:       # lowest common ancestor
                if depth[b] < depth[c]:
                    b, c = c, b
                if depth[b] > depth[c]:
                    b = jump[b] if depth[jump[b]] >= depth[c] else s.parent[b]
                elif jump[b] != jump[c]:
                    b = jump[b]
                    c = jump[c]
                elif depth[b] == 0:
                    break
                else:
                    b = s.parent[b]
                    c = s.parent[c]
            if b != c or room + above[b] < 0:
                ok = False
    return total if ok else None


cdef bint contents(Solver* s, i32* depth) noexcept nogil:
    """Count the vertices of each blossom in use into `cycle`; False if one is even."""
    cdef i64 nodes = s.n + s.n // 2 + 1
    cdef i32 v, b, c, deepest = 0, d
    # buckets by depth, deepest first
    for b in range(nodes):
        if depth[b] > deepest:
            deepest = depth[b]
    for d in range(deepest + 1):
        s.todo[d] = -1
    for b in range(nodes):
        if depth[b] >= 0:
            s.next[b] = s.todo[depth[b]]
            s.todo[depth[b]] = b
            if b < s.n:
                s.cycle[b] = 1
    for d in range(deepest, -1, -1):
        b = s.todo[d]
        while b >= 0:
            if s.cycle[b] % 2 == 0:
                return False
            if s.parent[b] >= 0:
                s.cycle[s.parent[b]] += s.cycle[b]
            b = s.next[b]
    return True


def mates(i64[::1] big, i32[::1] small, i32 n, i32 m, unsigned char[::1] chosen):
    """Set chosen[e] = 1 for the matched ones among the first len(chosen) edges."""
    cdef Solver state
    cdef i32 e, k = <i32>chosen.shape[0]
    bind(&state, big, small, n, m)
    with nogil:
        for e in range(k):
            chosen[e] = state.mate[state.tail[e]] == e


def potentials(i64[::1] big, i32[::1] small, i32 n, i32 m, i64 nowhere, i64[::1] out):
    """Write the duals after the search of the one exposed vertex, which finds none.

    A perfect matching of all vertices but v costs a constant less out[v]. `nowhere`
    stands where there is none.
    """
    cdef Solver state
    cdef Solver* s = &state
    cdef i32 v, root = -1
    bind(s, big, small, n, m)
    with nogil:
        for v in range(n):
            if s.mate[v] < 0:
                root = v
        if root >= 0:
            s.delta = 0
            s.n_heap = s.n_now = s.n_trees = 0
            plant(s, root)
            scan_blossom(s, outermost(s, root), True)
            run(s, FOREVER)
        for v in range(n):
            out[v] = dual(s, v) if s.label[outermost(s, v)] == OUTER else nowhere
        if root >= 0:
            fell_all(s)


HEADER_LENGTH = HEADER
