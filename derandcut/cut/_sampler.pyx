"""The expected cut (2.1) in float64: reads edges, unit rows X_u = W_u / s_u and h.

Cost an edge: two gathered rows and Phi2 (about 100 ns). Edges come in fixed blocks; each
writes its own sum, so the bits do not depend on the number of threads.
"""

from cython.parallel cimport prange

from derandcut._core._special cimport PHI2_BLOCK, disagreements
from derandcut._core._types cimport index_t


cdef double cut_block(
    const index_t* eu, const index_t* ev, const double* ew,
    const double* X, const double* h, Py_ssize_t rank, int count,
) noexcept nogil:
    cdef double[PHI2_BLOCK] hu, hv, rho, p
    cdef const double* x
    cdef const double* y
    cdef double a0, a1, a2, a3, total = 0
    cdef Py_ssize_t j
    cdef int i
    for i in range(count):
        x = X + rank * <Py_ssize_t>eu[i]
        y = X + rank * <Py_ssize_t>ev[i]
        a0 = a1 = a2 = a3 = 0
        j = 0
        while j < rank:
            a0 = a0 + x[j] * y[j]
            a1 = a1 + x[j + 1] * y[j + 1]
            a2 = a2 + x[j + 2] * y[j + 2]
            a3 = a3 + x[j + 3] * y[j + 3]
            j += 4
        a0 = (a0 + a1) + (a2 + a3)
        a0 = a0 if a0 < 1.0 else 1.0
        rho[i] = a0 if a0 > -1.0 else -1.0
        hu[i] = h[eu[i]]
        hv[i] = h[ev[i]]
    disagreements(hu, hv, rho, p, count)
    for i in range(count):
        total += ew[i] * p[i]
    return total


cdef double product_block(
    const index_t* eu, const index_t* ev, const double* ew, const double* mean,
    int count,
) noexcept nogil:
    cdef double total = 0
    cdef int i
    for i in range(count):
        total += ew[i] * (0.5 - 0.5 * mean[eu[i]] * mean[ev[i]])
    return total


def block_count(Py_ssize_t m):
    """Number of blocks of m edges."""
    return (m + PHI2_BLOCK - 1) // PHI2_BLOCK


def expected_cut(
    const index_t[::1] eu, const index_t[::1] ev, const double[::1] ew,
    const double[:, ::1] X, const double[::1] h, double[::1] sums, int n_threads,
):
    """(2.1) F = sum of `sums`, one entry a block; the rank is a multiple of 4."""
    cdef Py_ssize_t m = eu.shape[0], rank = X.shape[1], block
    for block in prange(
        sums.shape[0], nogil=True, schedule="static", num_threads=n_threads
    ):
        sums[block] = cut_block(
            &eu[block * PHI2_BLOCK], &ev[block * PHI2_BLOCK], &ew[block * PHI2_BLOCK],
            &X[0, 0], &h[0], rank,
            <int>min(<Py_ssize_t>PHI2_BLOCK, m - block * PHI2_BLOCK),
        )


def product_cut(
    const index_t[::1] eu, const index_t[::1] ev, const double[::1] ew,
    const double[::1] mean, double[::1] sums, int n_threads,
):
    """(2.6) F at W = 0, where vertex u has mean 2 Phi(h_u) - 1."""
    cdef Py_ssize_t m = eu.shape[0], block
    for block in prange(
        sums.shape[0], nogil=True, schedule="static", num_threads=n_threads
    ):
        sums[block] = product_block(
            &eu[block * PHI2_BLOCK], &ev[block * PHI2_BLOCK], &ew[block * PHI2_BLOCK],
            &mean[0], <int>min(<Py_ssize_t>PHI2_BLOCK, m - block * PHI2_BLOCK),
        )
