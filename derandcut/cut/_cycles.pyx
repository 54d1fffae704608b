# Kernels of the odd-set inequalities (3.2)-(3.4): the ascent on their multipliers, the
# separation of odd cycles and of triangles.
#
# Reads   a pattern: the graph's edges and chords as symmetric CSR arrays; pair e joins
#         u[e] < v[e] and owns the entries places[e, 0] and places[e, 1].
# Writes  the arrays named in each head; workspaces come from Python, none is allocated.
# Cost    update: one dot product a pair, one visit a term of an inequality; odd_cycles:
#         the entries of the rows within half a violated cycle of each root, and a heap;
#         triangles: one visit a path of two pairs, one dot product a chord it would need.
# Keeps   weight[e] = w_e - sum_t point_t a_te up to rounding, entries equal to it.
from libc.stdint cimport int8_t, int32_t, int64_t

from derandcut._core._types cimport index_t
from derandcut.cut._rows cimport dot


cdef inline double most_violated(double a, double b, double x, int* t) noexcept nogil:
    """The largest violation of a triangle's four inequalities, and which it is."""
    cdef double worst = a + b + x - 2.0, y = x - a - b
    t[0] = 0
    if y > worst:
        worst = y
        t[0] = 1
    y = a - x - b
    if y > worst:
        worst = y
        t[0] = 2
    y = b - x - a
    if y > worst:
        worst = y
        t[0] = 3
    return worst


def cut_values(
    const index_t[::1] u, const index_t[::1] v, const double[:, ::1] V, double[::1] c
):
    """c_e = (1 - V_u . V_v) / 2, kept within [0, 1]."""
    cdef int64_t e
    cdef int rank = <int>V.shape[1]
    with nogil:
        for e in range(u.shape[0]):
            c[e] = min(1.0, max(0.0, 0.5 - 0.5 * dot(&V[u[e], 0], &V[v[e], 0], rank)))


def update(
    const index_t[::1] u, const index_t[::1] v, const double[:, ::1] V,
    const int64_t[::1] starts, const int32_t[::1] pair, const double[::1] sign,
    const double[::1] rhs, const double[::1] step, double momentum,
    double[::1] multiplier,          # lambda
    double[::1] point,               # where the gradient is taken
    double[::1] c, double[::1] weight, const int64_t[:, ::1] places,
    double[::1] entries,
):
    """lambda <- max(0, point + step (a . c - b)), then a step of momentum; the weights.

    Returns the largest violation a . c - b.
    """
    cdef int64_t e, t, q
    cdef int32_t p
    cdef int rank = <int>V.shape[1]
    cdef double g, new, delta, worst = 0.0
    with nogil:
        for e in range(u.shape[0]):
            c[e] = 0.5 - 0.5 * dot(&V[u[e], 0], &V[v[e], 0], rank)
        for t in range(starts.shape[0] - 1):
            g = -rhs[t]
            for q in range(starts[t], starts[t + 1]):
                g += sign[q] * c[pair[q]]
            worst = max(worst, g)
            new = max(0.0, point[t] + step[t] * g)                          # (3.4)
            delta = max(0.0, new + momentum * (new - multiplier[t])) - point[t]
            multiplier[t] = new
            if delta != 0.0:
                point[t] += delta
                for q in range(starts[t], starts[t + 1]):
                    p = pair[q]
                    weight[p] -= sign[q] * delta
                    entries[places[p, 0]] = weight[p]
                    entries[places[p, 1]] = weight[p]
    return worst


# ----------------------------------------------------------------- odd cycles


cdef inline void sift_up(
    int64_t at, int32_t* heap, int32_t* slot, const double* length
) noexcept nogil:
    cdef int32_t z = heap[at]
    cdef int64_t above
    while at > 0:
        above = (at - 1) // 2
        if length[heap[above]] <= length[z]:
            break
        heap[at] = heap[above]
        slot[heap[at]] = <int32_t>at
        at = above
    heap[at] = z
    slot[z] = <int32_t>at


cdef inline void sift_down(
    int64_t at, int64_t size, int32_t* heap, int32_t* slot, const double* length
) noexcept nogil:
    cdef int32_t z = heap[at]
    cdef int64_t below
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and length[heap[below + 1]] < length[heap[below]]:
            below += 1
        if length[z] <= length[heap[below]]:
            break
        heap[at] = heap[below]
        slot[heap[at]] = <int32_t>at
        at = below
    heap[at] = z
    slot[z] = <int32_t>at


def odd_cycles(
    const int64_t[::1] indptr, const index_t[::1] indices,
    const int32_t[::1] pair_of,      # (2 m,) pair of an entry
    const double[::1] c,             # (m,) in [0, 1]
    double cutoff,                   # longest walk wanted, below 1
    int32_t cover,                   # roots on this many cycles already are skipped
    double[::1] length,              # (2 n,) of a walk from the root
    int32_t[:, ::1] node,            # (6, 2 n): the root that labelled it, the step
                                     # before, its pair, place in the heap, heap, walk
    int32_t[:, ::1] vertex,          # (2, n): cycles through it; place in the walk or -1
    int64_t[::1] state,              # next root, cycles, terms: kept between slices
    int64_t[::1] starts, int32_t[::1] pair, int8_t[::1] odd,     # the cycles, written
    int64_t work,
):
    """Shortest odd closed walks through each root, made simple cycles (3.3).

    Node 2 x + s of the doubled graph is vertex x after s (modulo 2) pairs of F; a pair
    costs c to stay and 1 - c to change sides. A walk from (r, 0) to (r, 1) shorter than
    1 violates its inequality. Walks are grown to half of the best found: beyond it the
    other half is a mirror image. Returns the entries visited.
    """
    cdef int64_t n = indptr.shape[0] - 1, visited = 0, root = state[0], size, e, top, i
    cdef int32_t z, y, x, s, meet, p, stamp
    cdef double best, d, candidate
    cdef int32_t* label = &node[0, 0]
    cdef int32_t* before = &node[1, 0]
    cdef int32_t* by = &node[2, 0]
    cdef int32_t* slot = &node[3, 0]
    cdef int32_t* heap = &node[4, 0]
    cdef int32_t* walk = &node[5, 0]
    cdef int32_t* covered = &vertex[0, 0]
    cdef int32_t* place = &vertex[1, 0]
    cdef double* far = &length[0]
    with nogil:
        while root < n and visited < work and state[1] + 1 < starts.shape[0] and (
            state[2] + n <= pair.shape[0]
        ):
            if covered[root] >= cover:
                root += 1
                continue
            stamp = <int32_t>root + 1
            z = <int32_t>(2 * root)
            label[z] = stamp
            far[z] = 0.0
            before[z] = -1
            heap[0] = z
            slot[z] = 0
            size = 1
            best = cutoff
            meet = -1
            while size > 0:
                z = heap[0]
                d = far[z]
                if 2.0 * d >= best:
                    break
                size -= 1
                slot[z] = -1
                if size > 0:
                    heap[0] = heap[size]
                    sift_down(0, size, heap, slot, far)
                x = z >> 1
                visited += indptr[x + 1] - indptr[x]
                for e in range(indptr[x], indptr[x + 1]):
                    p = pair_of[e]
                    for s in range(2):
                        y = (<int32_t>(2 * indices[e]) + (z & 1)) ^ s
                        candidate = d + (1.0 - c[p] if s else c[p])
                        if candidate >= best:
                            continue
                        if label[y] != stamp:
                            label[y] = stamp
                            heap[size] = y
                            slot[y] = <int32_t>size
                            size += 1
                        elif candidate >= far[y]:
                            continue
                        far[y] = candidate
                        before[y] = z
                        by[y] = p
                        sift_up(slot[y], heap, slot, far)
                        if label[y ^ 1] == stamp and candidate + far[y ^ 1] < best:
                            best = candidate + far[y ^ 1]
                            meet = y
            if meet >= 0:
                # The walk (r, 0) .. meet, then the mirrored way back to (r, 1). A
                # vertex met again closes an odd cycle or an even detour, cut out.
                top = 0
                z = meet
                while z >= 0:
                    top += 1
                    z = before[z]
                z = meet
                for i in range(top - 1, -1, -1):
                    heap[i] = z
                    z = before[z]
                size = top
                z = meet ^ 1
                while before[z] >= 0:
                    z = before[z]
                    heap[size] = z ^ 1
                    size += 1
                top = 0
                for i in range(size):
                    z = heap[i]
                    x = z >> 1
                    if place[x] < 0:
                        place[x] = <int32_t>top
                        walk[top] = z
                        top += 1
                        continue
                    if walk[place[x]] == z:
                        while walk[top - 1] != z:
                            top -= 1
                            place[walk[top] >> 1] = -1
                        continue
                    e = state[2]
                    walk[top] = z
                    for s in range(place[x], <int32_t>top):
                        covered[walk[s] >> 1] += 1
                        pair[e] = step_pair(walk[s], walk[s + 1], before, by, label,
                                            stamp)
                        odd[e] = (walk[s] ^ walk[s + 1]) & 1
                        e += 1
                    state[1] += 1
                    state[2] = e
                    starts[state[1]] = e
                    break
                for i in range(top):
                    place[walk[i] >> 1] = -1
            root += 1
    state[0] = root
    return visited


cdef inline int32_t step_pair(
    int32_t a, int32_t b, const int32_t* before, const int32_t* by,
    const int32_t* label, int32_t stamp,
) noexcept nogil:
    """Pair between two nodes next to each other on a walk out or on a mirrored one."""
    if label[b] == stamp and before[b] == a:
        return by[b]
    return by[a ^ 1]


# ------------------------------------------------------------------ triangles


def triangles(
    const int64_t[::1] indptr, const index_t[::1] indices,
    const int32_t[::1] pair_of, const double[::1] c, const double[:, ::1] V,
    bint chords,                     # whether triangles with one new pair count
    double tolerance,                # least violation
    double[::1] value,               # (n,) c of the pair with i, scratch
    int32_t[:, ::1] seen,            # (2, n) zeros: rows i + 1 that wrote `value`; edges
    int64_t[::1] histogram,          # by violation, bins of 1/(4 bins)
    int32_t[:, ::1] found,           # (capacity, 4) i, j, k and the type; written
    int64_t first, int64_t stop,     # the rows i
    int64_t count,
):
    """Violated triangles with two pairs in the pattern, from the rows first..stop-1.

    Type 0: c_ik + c_kj + c_ij <= 2; type 1, 2, 3: the pair ij, ik or kj is at most the
    sum of the two others. Returns (count, visited).
    """
    cdef int64_t i, e, f, visited = 0, bins = histogram.shape[0], capacity
    cdef int64_t k, j
    cdef int rank = <int>V.shape[1], t
    cdef double a, b, x, worst
    capacity = found.shape[0]
    with nogil:
        for i in range(first, stop):
            for e in range(indptr[i], indptr[i + 1]):
                j = indices[e]
                seen[1, j] = <int32_t>i + 1
                seen[0, j] = <int32_t>i + 1
                value[j] = c[pair_of[e]]
            for e in range(indptr[i], indptr[i + 1]):
                k = indices[e]
                a = c[pair_of[e]]
                visited += indptr[k + 1] - indptr[k]
                for f in range(indptr[k], indptr[k + 1]):
                    j = indices[f]
                    if j <= i:
                        continue
                    if seen[1, j] == i + 1:
                        if k < j:        # a present triangle counts once
                            continue
                    elif not chords:
                        continue
                    elif seen[0, j] != i + 1:
                        seen[0, j] = <int32_t>i + 1
                        value[j] = 0.5 - 0.5 * dot(&V[i, 0], &V[j, 0], rank)
                        visited += 1
                    x = value[j]
                    b = c[pair_of[f]]
                    worst = most_violated(a, b, x, &t)
                    if worst <= tolerance:
                        continue
                    histogram[min(bins - 1, <int64_t>(worst * 4 * bins))] += 1
                    if count < capacity:
                        found[count, 0] = <int32_t>i
                        found[count, 1] = <int32_t>j
                        found[count, 2] = <int32_t>k
                        found[count, 3] = t
                    count += 1
    return count, visited


def wide_triangles(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[:, ::1] V,
    double tolerance,
    double[:, ::1] value,            # (2, n) c of the pairs with i and with j, scratch
    int32_t[:, ::1] seen,            # (2, n) zeros: i + 1 next to i, entry + 1 next to j
    int64_t[::1] histogram, int32_t[:, ::1] found,
    int64_t first, int64_t stop, int64_t count,
):
    """Violated triangles with one pair ij in the pattern: two chords, any third vertex.

    Reads and writes as `triangles`; one dot product a pair and vertex.
    """
    cdef int64_t n = indptr.shape[0] - 1, visited = 0, i, j, k, e, f
    cdef int64_t bins = histogram.shape[0], capacity = found.shape[0]
    cdef int rank = <int>V.shape[1], t
    cdef double a, b, x, worst
    cdef double* near = &value[0, 0]
    cdef double* far = &value[1, 0]
    with nogil:
        for i in range(first, stop):
            for e in range(indptr[i], indptr[i + 1]):
                seen[0, indices[e]] = <int32_t>i + 1
            for k in range(n):
                near[k] = 0.5 - 0.5 * dot(&V[i, 0], &V[k, 0], rank)
            visited += n
            for e in range(indptr[i], indptr[i + 1]):
                j = indices[e]
                if j < i:
                    continue
                for f in range(indptr[j], indptr[j + 1]):
                    seen[1, indices[f]] = <int32_t>e + 1
                for k in range(n):
                    far[k] = 0.5 - 0.5 * dot(&V[j, 0], &V[k, 0], rank)
                visited += n
                x = near[j]
                for k in range(n):
                    if seen[0, k] == i + 1 or seen[1, k] == e + 1 or k == i or k == j:
                        continue
                    a = near[k]
                    b = far[k]
                    worst = most_violated(a, b, x, &t)
                    if worst <= tolerance:
                        continue
                    histogram[min(bins - 1, <int64_t>(worst * 4 * bins))] += 1
                    if count < capacity:
                        found[count, 0] = <int32_t>i
                        found[count, 1] = <int32_t>j
                        found[count, 2] = <int32_t>k
                        found[count, 3] = t
                    count += 1
    return count, visited
