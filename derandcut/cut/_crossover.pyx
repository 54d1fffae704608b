"""Kernel of the partition crossover: flip every component of a difference that pays.

Reads a symmetric CSR graph, the incumbent x and another partition y; rewrites x in
place. Let D be the vertices where x and y differ. Components C of G[D] do not touch
each other, so flipping C in x changes the cut by

    delta(C) = sum over edges leaving C of w_uv x_u x_v

independently of the others (so does every component of G minus D: compare x with -y).
All components with delta > 0 are flipped: the child is at least as good as x, and as
y. One breadth-first pass: each edge visited at most twice; no random numbers.
"""

from libc.stdint cimport int8_t, int64_t

from derandcut._core._types cimport index_t


cdef double flip_components(
    const int64_t* indptr, const index_t* indices, const double* weights,
    Py_ssize_t n, int8_t* x, int8_t* inside, index_t* queue, double least,
) noexcept nogil:
    """Flip each component of {u: inside[u] = 1} that pays; clears `inside`."""
    cdef Py_ssize_t root, head, tail, i
    cdef int64_t e
    cdef index_t u, v
    cdef double delta, total = 0.0
    for root in range(n):
        if inside[root] != 1:
            continue
        # 1 = in D, not reached; 2 = in the present component; 0 = outside or done.
        inside[root] = 2
        queue[0] = <index_t>root
        head, tail, delta = 0, 1, 0.0
        while head < tail:
            u = queue[head]
            head += 1
            for e in range(indptr[u], indptr[u + 1]):
                v = indices[e]
                if inside[v] == 1:
                    inside[v] = 2
                    queue[tail] = v
                    tail += 1
                elif inside[v] == 0:
                    delta += weights[e] * x[u] * x[v]
        if delta > least:
            total += delta
            for i in range(tail):
                x[queue[i]] = -x[queue[i]]
        for i in range(tail):
            inside[queue[i]] = 0
    return total


def crossover(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    int8_t[::1] x, const int8_t[::1] y, int8_t[::1] inside, index_t[::1] queue,
    double least,
):
    """Improve x by y and by -y in place; return the gain of the cut."""
    cdef Py_ssize_t n = x.shape[0], u
    cdef int sign
    cdef double gain = 0.0
    if n == 0 or indices.shape[0] == 0:
        return 0.0
    with nogil:
        for sign in range(2):
            for u in range(n):
                inside[u] = (x[u] != y[u]) if sign == 0 else (x[u] == y[u])
            gain += flip_components(
                &indptr[0], &indices[0], &weights[0], n, &x[0], &inside[0], &queue[0],
                least,
            )
    return gain
