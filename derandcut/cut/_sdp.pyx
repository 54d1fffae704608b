# Kernels of the low-rank relaxation: minimise f(V) = sum_{u<v} w_uv V_u . V_v over unit
# rows V_u in R^rank (MATH.md section 3), rank a multiple of 8.
#
# Reads   the symmetric CSR arrays; V, and for the second order steps the tangent blocks.
# Writes  V in place (`sweep`), or the output array named last.
# Cost    one multiply-add an entry of a row, 2 m rows a pass; sums over a row in 8 lanes.
# Keeps   rows of V unit (isolated vertices and zero gradients keep theirs).
from libc.math cimport sqrt
from libc.stdint cimport int64_t

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
    int64_t n, const int64_t* indptr, const index_t* indices, const double* weights,
    double* V, double omega, bint renew, int rank,
) noexcept nogil:
    cdef double g[512]
    cdef int64_t u
    cdef double size, a, b, c, length, total = 0.0
    cdef double* x
    cdef int i
    for u in range(n):
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


def sweep(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    double[:, ::1] V, double omega, int passes,
):
    """`passes` over-relaxed coordinate sweeps; the decrease of f in the last one."""
    cdef int64_t n = V.shape[0]
    cdef int rank = <int>V.shape[1], k
    cdef double decrease = 0.0
    cdef const int64_t* p = &indptr[0]
    cdef const index_t* a = &indices[0]
    cdef const double* w = &weights[0]
    cdef double* x = &V[0, 0]
    cdef bint renew
    with nogil:
        for k in range(passes):
            renew = k == passes - 1
            if rank == 8:
                decrease = sweep_rank(n, p, a, w, x, omega, renew, 8)
            elif rank == 16:
                decrease = sweep_rank(n, p, a, w, x, omega, renew, 16)
            elif rank == 24:
                decrease = sweep_rank(n, p, a, w, x, omega, renew, 24)
            elif rank == 32:
                decrease = sweep_rank(n, p, a, w, x, omega, renew, 32)
            else:
                decrease = sweep_rank(n, p, a, w, x, omega, renew, rank)
    return decrease


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
