# Kernels of the low-rank relaxation: minimise f(V) = sum_{u<v} w_uv V_u . V_v over unit
# rows V_u in R^rank, rank a multiple of 8.
#
# Reads   the symmetric CSR arrays, V.
# Writes  V in place (`sweep`), or the output array named last.
# Cost    one multiply-add an entry of a row, 2 m rows a pass; sums over a row in 8 lanes.
# Keeps   rows of V unit (isolated vertices and zero gradients keep theirs). The classes
#         of a sweep are swept together, see _team.pxd; the bits do not depend on it.
from libc.math cimport sqrt
from libc.stdint cimport int64_t

from derandcut._core._team cimport (
    PARAMETERS, team_await, team_dissolve, team_done, team_open, team_settle,
    team_take,
)
from derandcut._core._types cimport index_t
from derandcut.cut._rows cimport dot


cdef inline void gather(
    int64_t begin, int64_t end, const index_t* indices, const double* weights,
    const double* V, double* g, int rank,
) noexcept nogil:
    """g = sum_v w_uv V_v."""
    cdef int i
    cdef int64_t e
    cdef const double* x
    cdef double w
    for i in range(rank):
        g[i] = 0.0
    for e in range(begin, end):
        w = weights[e]
        x = V + <int64_t>indices[e] * rank
        for i in range(rank):
            g[i] += w * x[i]


cdef inline double sweep_rank(
    int64_t first, int64_t last, const index_t* order, const int64_t* indptr,
    const index_t* indices, const double* weights, double* V, double omega, bint renew,
    int rank,
) noexcept nogil:
    cdef double g[512]
    cdef int64_t u, t
    cdef double size, a, b, c, length, total = 0.0
    cdef double* x
    cdef int i
    for t in range(first, last):
        u = order[t]
        gather(indptr[u], indptr[u + 1], indices, weights, V, g, rank)
        size = sqrt(dot(g, g, rank))
        if size > 0.0:
            # V_u <- normalise((1 - omega) V_u - omega g / |g|); with c = V_u . g / |g|
            # the new g . V_u follows from c alone, so does the decrease of f.
            x = V + u * rank
            c = dot(g, x, rank) / size
            a = 1.0 - omega
            length = a * a + omega * omega - 2.0 * a * omega * c
            if length > 1e-8:
                length = 1.0 / sqrt(length)
                total += size * (c - (a * c - omega) * length)
                a = a * length
                b = omega * length / size
                for i in range(rank):
                    x[i] = a * x[i] - b * g[i]
                if renew:
                    length = 1.0 / sqrt(dot(x, x, rank))
                    for i in range(rank):
                        x[i] *= length
    return total


cdef double sweep_block(
    int64_t first, int64_t last, const index_t* order, const int64_t* indptr,
    const index_t* indices, const double* weights, double* V, double omega, bint renew,
    int rank,
) noexcept nogil:
    """One block of a class; constant ranks unroll and vectorise better."""
    if rank == 8:
        return sweep_rank(first, last, order, indptr, indices, weights, V, omega, renew,
                          8)
    if rank == 16:
        return sweep_rank(first, last, order, indptr, indices, weights, V, omega, renew,
                          16)
    if rank == 24:
        return sweep_rank(first, last, order, indptr, indices, weights, V, omega, renew,
                          24)
    if rank == 32:
        return sweep_rank(first, last, order, indptr, indices, weights, V, omega, renew,
                          32)
    return sweep_rank(first, last, order, indptr, indices, weights, V, omega, renew,
                      rank)


def sweep(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    double[:, ::1] V,
    const index_t[::1] order,        # (n,) the vertices, class by class
    const int64_t[::1] blocks,       # (k + 1,) where the blocks of `order` begin
    const int64_t[::1] classes,      # (c + 1,) where the classes of `blocks` begin
    double[::1] decrease,            # (k,) scratch
    double omega, int passes, int64_t[::1] board,
):
    """`passes` over-relaxed coordinate sweeps; the decrease of f in the last one.

    No two vertices of a class are adjacent, so its blocks are swept at once.
    """
    cdef int rank = <int>V.shape[1], k
    cdef int64_t c, block, first, last, t
    cdef int64_t* phase = &board[PARAMETERS]
    cdef double total = 0.0
    with nogil:
        for k in range(passes):
            phase[1] = k == passes - 1
            for c in range(classes.shape[0] - 1):
                first = classes[c]
                last = classes[c + 1]
                if last - first == 1:
                    decrease[first] = sweep_block(
                        blocks[first], blocks[last], &order[0], &indptr[0],
                        &indices[0], &weights[0], &V[0, 0], omega, phase[1] != 0, rank,
                    )
                    continue
                phase[0] = first - team_open(&board[0], 0)
                team_open(&board[0], last - first)
                while True:
                    t = team_take(&board[0])
                    if t < 0:
                        break
                    block = phase[0] + t
                    decrease[block] = sweep_block(
                        blocks[block], blocks[block + 1], &order[0], &indptr[0],
                        &indices[0], &weights[0], &V[0, 0], omega, phase[1] != 0, rank,
                    )
                    team_done(&board[0])
                team_settle(&board[0])
        team_dissolve(&board[0])
        for block in range(decrease.shape[0]):
            total += decrease[block]
    return total


def help_sweep(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    double[:, ::1] V, const index_t[::1] order, const int64_t[::1] blocks,
    const int64_t[::1] classes, double[::1] decrease, double omega, int passes,
    int64_t[::1] board,
):
    """Sweep blocks for `sweep`."""
    cdef int rank = <int>V.shape[1]
    cdef int64_t block, t
    cdef int64_t* phase = &board[PARAMETERS]
    with nogil:
        t = team_await(&board[0])
        while t >= 0:
            block = phase[0] + t
            decrease[block] = sweep_block(
                blocks[block], blocks[block + 1], &order[0], &indptr[0], &indices[0],
                &weights[0], &V[0, 0], omega, phase[1] != 0, rank,
            )
            team_done(&board[0])
            t = team_await(&board[0])


def products(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    const double[:, ::1] V, double[::1] out,
):
    """out_u = V_u . g_u, so that sum out = 2 f(V)."""
    cdef int64_t n = V.shape[0], u
    cdef int rank = <int>V.shape[1]
    cdef double g[512]
    with nogil:
        for u in range(n):
            gather(indptr[u], indptr[u + 1], &indices[0], &weights[0], &V[0, 0], g,
                   rank)
            out[u] = dot(g, &V[u, 0], rank)


def colour(
    const int64_t[::1] indptr, const index_t[::1] indices,
    index_t[::1] classes,            # (n,) out: a colour for each vertex, from 0
    index_t[::1] seen,               # (n + 1,) scratch, -1
):
    """First fit in the order of the vertices; returns the number of colours."""
    cdef int64_t n = classes.shape[0], u, e
    cdef index_t c, most = -1
    with nogil:
        for u in range(n):
            for e in range(indptr[u], indptr[u + 1]):
                if indices[e] < u:
                    seen[classes[indices[e]]] = <index_t>u
            c = 0
            while seen[c] == u:
                c += 1
            classes[u] = c
            most = max(most, c)
    return most + 1
