"""Exact reductions: low degrees, heavy edges, twins, cliques.

(4.1)-(4.4), (4.10), (4.12), (4.13).

Storage
-------
Edge e is the pair of arcs 2e and 2e + 1; ``head[arc]`` is where an arc points, and the
arcs that leave a vertex form a doubly linked list (``first``, ``succ``, ``pred``, ends
marked -1). ``table`` is an open-addressing hash of the edges by their end vertices (e,
or -1 for an empty place), so that "is there an edge ab" costs the same at a hub as
anywhere else. No rule adds more edges than it removes: m places suffice for ever.

Four stacks of vertices wait for work: degree at most 2, degree 3, domination, and the
rest (last in, first out leaves fewer vertices than first in, first out: G70 1,398
against 1,431). A vertex of degree above 3 is scanned for domination, and when nothing
else is left for triangles and twins, again once a sixteenth of its list has changed,
which makes all scans together linear in the number of changes. When nothing is left at
all, those that have changed less are scanned once more, if a sixteenth of the edges
has gone since this was last done: a geometric series.

Twins are found by sketches. Weights are binary fractions, so they have residues modulo
the prime P = 2^31 - 1, and so has sum w_uz r_z, with two random numbers r_z a vertex:
two sums that are proportional wherever the lists are. Adjacent twins are looked for
along the edges; others by the quotient of the sums, in a table of sets of 8 vertices,
where what is out of date or, rarely, crowded is overwritten. Who agrees is compared
weight by weight, exactly. Where at least half of the neighbours are adjacent twins
whose edges object, there may be a clique. To take one out is linear in its edges, and
more than half as many are gone then.

Integers: all arithmetic is exact if `largest` stays below 2^53.

Reads and writes everything in `Work`; about 100 to 200 ns an edge touched (three cache
misses). Invariants: lists, degrees and table always hold the same simple graph without
zero weights, and
    max cut of the graph = constant + max cut of what is left   (up to `noise` * 2^-53).
"""

from libc.math cimport fabs, fmax, frexp
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    DOMINATED = 1  # contractions, in step_kind: the vertex kept was dominated,
    TWIN = 2       # or the two are twins,
    TRIANGLE = 3   # or in a triangle with two heavy edges at both;
    CLIQUE = 4     # the first of the vertices of a clique
    HEAVY = 8      # edges of a vertex that may be two of a triangle
    WAYS = 8
    TRIES = 4      # comparisons of twins along edges, of a scan

cdef uint64_t P = 0x7FFFFFFF


cdef struct Work:
    int64_t n
    int64_t m
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
    int32_t* stack          # four stacks of n vertices
    uint8_t* waiting        # bit r: the vertex is in stack r
    uint8_t* alive
    int32_t* step_vertex    # the steps done: which vertex went,
    int32_t* step_end       # its up to three neighbours (-1: none; -k: in a clique),
    double* step_weight     # the weights to them (in a clique: t = 1, -1),
    uint8_t* step_kind      # and what a contraction was
    int32_t* row_end        # of twins and cliques gone: their neighbours; of triangles:
    double* row_weight      # the third vertex; -1 ends a row; and the weights, or t
    uint64_t* sketch        # the two sums, 0 before the first scan
    uint32_t* quotient
    int32_t* twin           # sets of WAYS vertices plus one, 0: empty
    uint64_t twin_mask      # number of sets minus one
    int64_t* count          # steps, spare edges, heights of the four stacks, rows,
                            # spare edges when all was last scanned once more
    double* size            # sum of a vertex's |weights|, when last scanned
    double* total           # constant, its compensation, noise, largest sum


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


cdef inline void summed(Work* s, double size) noexcept nogil:
    """A sum of that size has been made."""
    if size > s.total[3]:
        s.total[3] = size


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
    summed(s, fabs(w))
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
    cdef double total = 0, f0, fa, fb, fc
    for i in range(d):
        end[i] = s.head[s.first[u]]
        w[i] = s.weight[s.first[u] >> 1]
        s.total[2] += 64 * fabs(w[i])
        total += fabs(w[i])
        remove(s, s.first[u] >> 1)
    summed(s, 4 * total)
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


cdef void contract(
    Work* s, int32_t gone, int32_t kept, double w, bint opposite
) noexcept nogil:
    """x_gone = x_kept, or the opposite; w is the weight between them."""
    cdef uint64_t place
    cdef int32_t e, z
    cdef double moved
    if w != 0:
        remove(s, find(s, gone, kept, &place))
    if opposite:
        add_constant(s, w)
    while s.first[gone] >= 0:
        e = s.first[gone] >> 1
        z = s.head[s.first[gone]]
        moved = s.weight[e]
        remove(s, e)
        if opposite:
            # moved (1 + x_kept x_z) / 2
            add_constant(s, moved)
            moved = -moved
        add_edge(s, kept, z, moved)
        changed(s, z)
    s.changes[kept] += s.degree[kept]
    changed(s, kept)


cdef int64_t dominate(Work* s, int32_t u) noexcept nogil:
    """Contract the edge that outweighs the others of u; the number of arcs visited.

    The shorter list moves.
    """
    cdef int32_t arc = s.first[u], best = -1, v, gone = u, kept
    cdef int64_t visited = s.degree[u], step
    cdef double w, heaviest = 0, total = 0
    s.changes[u] = 0
    while arc >= 0:
        w = fabs(s.weight[arc >> 1])
        total += w
        if w > heaviest:
            heaviest = w
            best = arc
        arc = s.succ[arc]
    s.size[u] = total
    summed(s, total)
    # (4.4)
    if heaviest < total - heaviest:
        wait(s, u, 3)
        return visited
    s.total[2] += (64 + visited) * total
    v = kept = s.head[best]
    w = s.weight[best >> 1]
    if s.degree[v] < s.degree[u]:
        gone, kept = v, u
    step = record(s, gone)
    s.step_end[3 * step] = kept
    s.step_weight[3 * step] = w
    s.step_kind[step] = DOMINATED if gone == v else 0
    contract(s, gone, kept, w, w > 0)
    return 2 * visited


cdef inline uint64_t reduced(uint64_t a) noexcept nogil:
    """a modulo P, for a < 2^62."""
    a = (a & P) + (a >> 31)
    return a - P if a >= P else a


cdef inline uint64_t residue(double w) noexcept nogil:
    """w modulo P: an integer times a power of two, and 2^31 = 1."""
    cdef int exponent
    cdef uint64_t a = <uint64_t>(frexp(fabs(w), &exponent) * 9007199254740992.0)
    a = reduced(reduced(a) << (exponent + 1931) % 31)  # 1931 = 64 * 31 - 53
    return P - a if w < 0 and a else a


cdef inline void draw(int32_t z, uint64_t* r) noexcept nogil:
    """Two numbers below P that stand for z."""
    cdef uint64_t x = (<uint64_t>z + 1) * <uint64_t>0x9E3779B97F4A7C15
    x = (x ^ (x >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t>0x94D049BB133111EB
    r[0] = reduced(x >> 33)
    r[1] = reduced(x & P)


cdef inline uint32_t quotient_of(uint64_t sketch) noexcept nogil:
    """The first sum divided by the second, a (P - 2)-th power; 0 / 0 is 0."""
    cdef uint64_t power = sketch >> 32, result = sketch & P
    cdef int bit
    for bit in range(31):
        if bit != 1:
            result = reduced(result * power)
        power = reduced(power * power)
    return <uint32_t>result


cdef inline bint may_be_twins(
    uint64_t a, uint64_t b, int32_t u, int32_t v, double w
) noexcept nogil:
    """Whether sketches a of u, b of v are proportional without the weight between."""
    cdef uint64_t x[2]
    cdef uint64_t y[2]
    cdef uint64_t c = P - residue(w)
    draw(v, x)
    draw(u, y)
    x[0] = reduced((a & P) + c * x[0])
    x[1] = reduced((a >> 32) + c * x[1])
    y[0] = reduced((b & P) + c * y[0])
    y[1] = reduced((b >> 32) + c * y[1])
    return reduced(x[0] * y[1]) == reduced(x[1] * y[0])


cdef inline bint same_product(double a, double b, double c, double d) noexcept nogil:
    """ab = cd exactly: equal modulo 2^64, and as close as rounding tells."""
    cdef int ea, eb, ec, ed
    cdef double one = 9007199254740992.0  # 2^53
    a, b, c, d = frexp(a, &ea), frexp(b, &eb), frexp(c, &ec), frexp(d, &ed)
    cdef uint64_t p = <uint64_t><int64_t>(a * one) * <uint64_t><int64_t>(b * one)
    cdef uint64_t q = <uint64_t><int64_t>(c * one) * <uint64_t><int64_t>(d * one)
    cdef int shift = ea + eb - ec - ed
    if shift < -1 or shift > 1:
        return False
    if shift > 0:
        return 2 * p == q and 2 * (a * b) == c * d
    if shift < 0:
        return p == 2 * q and a * b == 2 * (c * d)
    return p == q and a * b == c * d


cdef int twins(Work* s, int32_t u, int32_t v, double w) noexcept nogil:
    """(4.10): 1 if x_u = x_v may be asked for, -1 if the opposite, otherwise 0."""
    cdef int32_t arc = s.first[u], z, e
    cdef uint64_t place
    cdef double a = 0, b = 0, mine
    while arc >= 0:
        z = s.head[arc]
        mine = s.weight[arc >> 1]
        arc = s.succ[arc]
        if z == v:
            continue
        e = find(s, v, z, &place)
        if e < 0:
            return 0
        if a == 0:
            a, b = mine, s.weight[e]
            if w != 0 and (w > 0) == ((a > 0) == (b > 0)):
                return 0
        if not same_product(mine, b, s.weight[e], a):
            return 0
    return 1 if (a > 0) == (b > 0) else -1


cdef inline uint64_t set_of(Work* s, int32_t u) noexcept nogil:
    return (s.quotient[u] * <uint64_t>0x9E3779B97F4A7C15 >> 32) & s.twin_mask


cdef inline bint alike(Work* s, int32_t u, int32_t arc) noexcept nogil:
    """Whether an arc of u leads to what may be its twin."""
    cdef int32_t v = s.head[arc]
    return s.degree[v] == s.degree[u] and s.sketch[v] and may_be_twins(
        s.sketch[u], s.sketch[v], u, v, s.weight[arc >> 1]
    )


cdef int32_t adjacent_twin(
    Work* s, int32_t u, int* sign, double* w, int32_t* count, double* lightest,
    int64_t* visited
) noexcept nogil:
    """A neighbour, or -1; how many are alike, and their smallest |weight|."""
    cdef int32_t arc = s.first[u], here, v
    while arc >= 0:
        here = arc
        arc = s.succ[arc]
        if not alike(s, u, here):
            continue
        v, w[0] = s.head[here], s.weight[here >> 1]
        if count[0] == 0 or fabs(w[0]) < lightest[0]:
            lightest[0] = fabs(w[0])
        count[0] += 1
        if count[0] <= TRIES:
            visited[0] += s.degree[u]
            sign[0] = twins(s, u, v, w[0])
            if sign[0]:
                return v
    return -1


cdef int32_t distant_twin(
    Work* s, int32_t u, int* sign, int64_t* visited
) noexcept nogil:
    """A vertex of the table, or -1 and u has entered it."""
    cdef int32_t v
    cdef int i
    cdef uint64_t home, place
    cdef int32_t* places
    cdef int32_t* room
    s.quotient[u] = quotient_of(s.sketch[u])
    home = set_of(s, u)
    places = &s.twin[WAYS * home]
    room = &places[u % WAYS]
    for i in range(WAYS):
        v = places[i] - 1
        if v < 0 or v == u or not s.alive[v] or set_of(s, v) != home:
            room = &places[i]
        elif (
            s.quotient[v] == s.quotient[u]
            and s.degree[v] == s.degree[u]
            and find(s, u, v, &place) < 0
        ):
            visited[0] += s.degree[u]
            sign[0] = twins(s, u, v, 0)
            if sign[0]:
                return v
    room[0] = u + 1
    return -1


cdef inline double weight_at(Work* s, int32_t u) noexcept nogil:
    """Sum of the sizes of all weights of u."""
    cdef int32_t arc = s.first[u]
    cdef double total = 0
    while arc >= 0:
        total += fabs(s.weight[arc >> 1])
        arc = s.succ[arc]
    return total


cdef bint close_triangle(Work* s, int32_t u, int64_t* visited) noexcept nogil:
    """Contract an edge of u by (4.12), if there is one."""
    cdef int32_t heavy[HEAVY]
    cdef int32_t arc = s.first[u], v, z, e, gone, kept
    cdef int64_t step
    cdef uint64_t place
    cdef int count = 0, i, j
    cdef double total = 0, first = 0, second = 0, a, b, c, size
    while arc >= 0:
        a = fabs(s.weight[arc >> 1])
        total += a
        if a > first:
            first, second = a, first
        elif a > second:
            second = a
        arc = s.succ[arc]
    summed(s, total)
    if 2 * (first + second) < total:
        return False
    arc = s.first[u]
    while arc >= 0 and count < HEAVY:
        if 2 * (fabs(s.weight[arc >> 1]) + first) >= total:
            heavy[count] = arc
            count += 1
        arc = s.succ[arc]
    for i in range(count):
        v, a = s.head[heavy[i]], s.weight[heavy[i] >> 1]
        for j in range(count):
            z, b = s.head[heavy[j]], s.weight[heavy[j] >> 1]
            if i == j or 2 * (fabs(a) + fabs(b)) < total:
                continue
            e = find(s, v, z, &place)
            if e < 0:
                continue
            c = s.weight[e]
            if ((a > 0) + (b > 0) + (c > 0)) % 2:
                continue
            # a sixteenth of the edges of v may have changed; then v is scanned, too
            if 4 * (fabs(a) + fabs(c)) < s.size[v]:
                continue
            size = weight_at(s, v)
            summed(s, size)
            visited[0] += s.degree[v]
            # (4.12)
            if 2 * (fabs(a) + fabs(c)) < size:
                continue
            s.total[2] += (64 + s.degree[u] + s.degree[v]) * (total + size)
            gone, kept = u, v
            if s.degree[v] < s.degree[u]:
                gone, kept = v, u
            step = record(s, gone)
            s.step_end[3 * step] = kept
            s.step_weight[3 * step] = a
            s.step_kind[step] = TRIANGLE
            keep(s, z, c if kept == v else b)
            keep(s, -1, 0)
            visited[0] += s.degree[gone]
            contract(s, gone, kept, a, a > 0)
            return True
    return False


cdef inline void keep(Work* s, int32_t z, double w) noexcept nogil:
    """Append to the rows."""
    s.row_end[s.count[6]] = z
    s.row_weight[s.count[6]] = w
    s.count[6] += 1


cdef bint same_clique(Work* s, int32_t u, int32_t v, double w) noexcept nogil:
    """Whether u and v, joined by w, are adjacent alike to all others, up to a sign."""
    cdef int32_t arc = s.first[u], z, e
    cdef uint64_t place
    cdef double wanted
    while arc >= 0:
        z = s.head[arc]
        wanted = s.weight[arc >> 1] if w > 0 else -s.weight[arc >> 1]
        arc = s.succ[arc]
        if z != v:
            e = find(s, v, z, &place)
            if e < 0 or s.weight[e] != wanted:
                return False
    return True


cdef bint take_clique(Work* s, int32_t u, double w, int64_t* visited) noexcept nogil:
    """(4.13): take u out with neighbours that are alike, w at u, if they are enough."""
    # Behind the ends of steps and rows: there to stay if all goes well.
    cdef int64_t step = s.count[0]
    cdef int32_t* member = &s.step_vertex[step]
    cdef int32_t* other = &s.row_end[s.count[6]]
    cdef double* t = &s.row_weight[s.count[6]]
    cdef int32_t arc = s.first[u], d = s.degree[u], k, others = 0, i, j
    cdef int64_t mass = 0, total = 1
    cdef double ratio, size, constant
    # all but what may be alike, while it can be balanced by the rest
    while arc >= 0:
        if fabs(s.weight[arc >> 1]) != w or not alike(s, u, arc):
            ratio = s.weight[arc >> 1] / w
            if fabs(ratio) > d + 1 or ratio != <int64_t>ratio or not same_product(
                s.weight[arc >> 1], 1, ratio, w
            ):
                return False
            mass += <int64_t>fabs(ratio)
            total += <int64_t>ratio
            other[others], t[others] = s.head[arc], ratio
            others += 1
            if mass > d + 2 - others:
                return False
        arc = s.succ[arc]
    arc = s.first[u]
    member[0], k = u, 1
    s.step_weight[3 * step] = 1
    while arc >= 0:
        if fabs(s.weight[arc >> 1]) == w and alike(s, u, arc):
            ratio = 1 if s.weight[arc >> 1] > 0 else -1
            total += <int64_t>ratio
            visited[0] += d
            if same_clique(s, u, s.head[arc], ratio):
                member[k], s.step_weight[3 * (step + k)] = s.head[arc], ratio
                k += 1
            else:  # out of date
                mass += 1
                other[others], t[others] = s.head[arc], ratio
                others += 1
                if mass > d + 2 - others:  # k + 1 at most
                    return False
        arc = s.succ[arc]
    for i in range(k):
        while s.first[member[i]] >= 0:
            remove(s, s.first[member[i]] >> 1)
        record(s, member[i])
        s.step_end[3 * (step + i)] = -k
    s.step_kind[step] = CLIQUE
    size = w * ((k + mass) * (k + mass)) / 4
    constant = w * (total * total // 4)
    summed(s, size)
    s.total[2] += 64 * size
    add_constant(s, constant)
    for i in range(others):
        for j in range(i):
            add_edge(s, other[i], other[j], -w * (t[i] * t[j]))
    for i in range(others):
        s.changes[other[i]] += k
        changed(s, other[i])
    other[others] = -1
    s.count[6] += others + 1
    visited[0] += d * k
    return True


cdef int64_t look_closer(Work* s, int32_t u) noexcept nogil:
    """Take u out by a triangle, a twin or a clique, if one is found; arcs visited."""
    cdef int32_t arc = s.first[u], v, count = 0
    cdef int64_t visited = 2 * s.degree[u], step
    cdef uint64_t h = 0, k = 0, c
    cdef uint64_t r[2]
    cdef int sign = 0
    cdef double w, lightest = 0
    if close_triangle(s, u, &visited):
        return visited
    while arc >= 0:
        draw(s.head[arc], r)
        c = residue(s.weight[arc >> 1])
        h += reduced(c * r[0])
        k += reduced(c * r[1])
        arc = s.succ[arc]
    s.sketch[u] = reduced(h) | reduced(k) << 32
    v = adjacent_twin(s, u, &sign, &w, &count, &lightest, &visited)
    if v < 0 and 2 * (count + 1) >= s.degree[u]:
        if take_clique(s, u, lightest, &visited):
            return visited
    if v < 0:
        w = 0
        v = distant_twin(s, u, &sign, &visited)
    if v < 0:
        return visited
    step = record(s, u)
    s.step_end[3 * step] = v
    s.step_weight[3 * step] = -sign
    s.step_kind[step] = TWIN
    arc = s.first[u]
    while arc >= 0:
        if s.head[arc] != v:
            keep(s, s.head[arc], s.weight[arc >> 1])
        arc = s.succ[arc]
    keep(s, -1, 0)
    s.total[2] += 64 * weight_at(s, u)
    contract(s, u, v, w, sign < 0)
    return visited + s.degree[v]


cdef bint once_more(Work* s) noexcept nogil:
    """Let what has changed a little be scanned, if enough edges have gone."""
    cdef int64_t gone = s.count[1] - s.count[7], u
    if 16 * gone <= s.m - s.count[1]:
        return False
    s.count[7] = s.count[1]
    for u in range(s.n):
        if s.alive[u] and s.changes[u]:
            wait(s, <int32_t>u, 2)
    return s.count[4] > 0


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
        elif s.count[5] > 0:
            r = 3
        elif once_more(s):
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
        elif r == 3:
            visited += look_closer(s, u)
    return visited


cdef Work work_of(
    int32_t[:, ::1] arcs, double[::1] weight, int32_t[:, ::1] vertices,
    uint8_t[:, ::1] flags, int32_t[::1] table, int32_t[::1] spare,
    int32_t[:, ::1] step_end, double[:, ::1] step_weight, int32_t[::1] row_end,
    double[::1] row_weight, uint64_t[::1] sketch, uint32_t[::1] quotient,
    int32_t[::1] twin, int64_t[::1] count, double[::1] size, double[::1] total,
) noexcept nogil:
    cdef Work s
    s.n, s.m = vertices.shape[1], spare.shape[0]
    s.mask = table.shape[0] - 1
    s.head, s.succ, s.pred = &arcs[0, 0], &arcs[1, 0], &arcs[2, 0]
    s.weight = &weight[0]
    s.first, s.degree, s.changes = &vertices[0, 0], &vertices[1, 0], &vertices[2, 0]
    s.step_vertex, s.stack = &vertices[3, 0], &vertices[4, 0]
    s.waiting, s.alive, s.step_kind = &flags[0, 0], &flags[1, 0], &flags[2, 0]
    s.table, s.spare = &table[0], &spare[0]
    s.step_end, s.step_weight = &step_end[0, 0], &step_weight[0, 0]
    s.row_end, s.row_weight = &row_end[0], &row_weight[0]
    s.sketch, s.quotient, s.twin = &sketch[0], &quotient[0], &twin[0]
    s.twin_mask = twin.shape[0] // WAYS - 1
    s.count, s.size, s.total = &count[0], &size[0], &total[0]
    return s


def load(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights,
    int64_t begin, int64_t end, int64_t edge, double scale, int32_t[:, ::1] arcs,
    double[::1] weight, int32_t[:, ::1] vertices, uint8_t[:, ::1] flags,
    int32_t[::1] table, int32_t[::1] spare, int32_t[:, ::1] step_end,
    double[:, ::1] step_weight, int32_t[::1] row_end, double[::1] row_weight,
    uint64_t[::1] sketch, uint32_t[::1] quotient, int32_t[::1] twin,
    int64_t[::1] count, double[::1] size, double[::1] total,
):
    """Enter the edges of rows begin..end-1, numbered from `edge`; the next number."""
    cdef Work s = work_of(
        arcs, weight, vertices, flags, table, spare, step_end, step_weight, row_end,
        row_weight, sketch, quotient, twin, count, size, total,
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
    int32_t[::1] row_end, double[::1] row_weight, uint64_t[::1] sketch,
    uint32_t[::1] quotient, int32_t[::1] twin, int64_t[::1] count,
    double[::1] size, double[::1] total,
):
    """Apply the rules until `budget` arcs are visited; below it: nothing is left."""
    cdef Work s = work_of(
        arcs, weight, vertices, flags, table, spare, step_end, step_weight, row_end,
        row_weight, sketch, quotient, twin, count, size, total,
    )
    with nogil:
        budget = advance(&s, budget)
    return budget


def sketches(
    const int64_t[::1] indptr, const int32_t[::1] indices, const double[::1] weights,
    uint64_t[::1] sketch, uint32_t[::1] quotient,
):
    """Fill both arrays; True if two adjacent vertices may be twins or in a clique."""
    cdef int64_t u, v, n = quotient.shape[0], k, begin, d
    cdef uint64_t h, g, c
    cdef uint64_t r[2]
    cdef bint found = False
    with nogil:
        for u in range(n):
            h = g = 0
            for k in range(indptr[u], indptr[u + 1]):
                draw(indices[k], r)
                c = residue(weights[k])
                h += reduced(c * r[0])
                g += reduced(c * r[1])
            sketch[u] = reduced(h) | reduced(g) << 32
            quotient[u] = quotient_of(sketch[u])
        for u in range(n):
            begin, d = indptr[u], indptr[u + 1] - indptr[u]
            for k in range(begin, begin + d):
                v = indices[k]
                if v > u and indptr[v + 1] - indptr[v] == d and may_be_twins(
                    sketch[u], sketch[v], <int32_t>u, <int32_t>v, weights[k]
                ):
                    found = True
                    break
            if found:
                break
    return found


def lift(
    const int32_t[::1] step_vertex, const int32_t[:, ::1] step_end,
    const double[:, ::1] step_weight, const uint8_t[::1] step_kind,
    const int32_t[::1] row_end, const double[::1] row_weight, int8_t[::1] x,
):
    """Undo the steps, last first: each vertex takes the better side.

    So does each of a clique, given those before it: in the end all is balanced.
    """
    cdef int64_t step = step_vertex.shape[0] - 1, at = row_end.shape[0]
    cdef int32_t members, i
    cdef int8_t side
    cdef double pull
    with nogil:
        while step >= 0:
            members = -step_end[step, 0]
            pull = 0
            # the row: what pulls at a clique, but passed over where twins have one
            if members > 1 or step_kind[step] == TWIN or step_kind[step] == TRIANGLE:
                at -= 1
                while at > 0 and row_end[at - 1] >= 0:
                    at -= 1
                    pull += row_weight[at] * x[row_end[at]]
            if members > 1:
                for i in range(members):
                    side = -1 if pull > 0 else 1
                    pull += side
                    x[step_vertex[step]] = side if step_weight[step, 0] > 0 else -side
                    step -= 1
                continue
            pull = 0
            for i in range(3):
                if step_end[step, i] >= 0:
                    pull += step_weight[step, i] * x[step_end[step, i]]
            x[step_vertex[step]] = -1 if pull > 0 else 1
            step -= 1


def project(
    const int32_t[::1] step_vertex, const int32_t[:, ::1] step_end,
    const double[:, ::1] step_weight, const uint8_t[::1] step_kind,
    const int32_t[::1] row_end, const double[::1] row_weight, int8_t[::1] x,
):
    """Do the steps on a partition: what stays takes the better side of what goes.

    A vertex dominated by one that goes obeys it; twins that disagree take the side
    that is better for both; in a triangle the one that disagrees with two gives in.
    """
    cdef int64_t step, at = 0
    cdef int8_t wanted
    cdef double pull
    cdef int32_t u, v
    with nogil:
        for step in range(step_vertex.shape[0]):
            if not step_kind[step]:
                continue
            if step_kind[step] == CLIQUE:
                while row_end[at] >= 0:
                    at += 1
                at += 1
                continue
            u, v = step_vertex[step], step_end[step, 0]
            wanted = -x[u] if step_weight[step, 0] > 0 else x[u]
            if step_kind[step] == DOMINATED:
                x[v] = wanted
                continue
            pull = 0
            if step_kind[step] == TRIANGLE:
                # a third vertex that agrees with v: u gives in
                if row_weight[at] * x[v] * x[row_end[at]] > 0:
                    x[v] = wanted
                at += 2
                continue
            while row_end[at] >= 0:
                pull += row_weight[at] * x[row_end[at]]
                at += 1
            at += 1
            if x[v] != wanted:
                # the side of u against the pull, and v as u wants it
                x[v] = wanted if pull * x[u] <= 0 else -wanted
