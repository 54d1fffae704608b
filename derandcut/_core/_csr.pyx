"""Edges to symmetric compressed sparse rows, by counting sorts.

`by_high` sorts the edges by their larger end, `by_low` those stably by their smaller
one, which makes an upper triangle with increasing columns; `merge` adds up its
repetitions, `mirror` writes both directions. Three scattering passes in all.

Invariant: every sort is stable, so parallel edges are added in input order, and the
two copies of an edge carry the same bits.
"""

from libc.math cimport fabs
from libc.stdint cimport int64_t

from derandcut._core._types cimport index_t


def count(
    const index_t[::1] u, const index_t[::1] v, int64_t[::1] low, int64_t[::1] high
):
    """Row pointers by smaller and by larger end, loops left out."""
    cdef Py_ssize_t e, n = low.shape[0] - 1
    with nogil:
        for e in range(u.shape[0]):
            if u[e] != v[e]:
                low[min(u[e], v[e]) + 1] += 1
                high[max(u[e], v[e]) + 1] += 1
        for e in range(n):
            low[e + 1] += low[e]
            high[e + 1] += high[e]


def by_high(
    const index_t[::1] u,
    const index_t[::1] v,
    const double[::1] w,
    int64_t[::1] place,
    index_t[::1] ends,
    double[::1] weights,
):
    """Put the smaller end of each edge into the row of the larger one."""
    cdef Py_ssize_t e
    cdef int64_t at
    with nogil:
        for e in range(u.shape[0]):
            if u[e] != v[e]:
                at = place[max(u[e], v[e])]
                place[max(u[e], v[e])] = at + 1
                ends[at] = min(u[e], v[e])
                weights[at] = w[e]


def by_low(
    const int64_t[::1] high,
    const index_t[::1] ends,
    const double[::1] weights,
    int64_t[::1] place,
    index_t[::1] columns,
    double[::1] values,
):
    """Transpose: rows of smaller ends, their columns increasing."""
    cdef Py_ssize_t x, k
    cdef int64_t at
    with nogil:
        for x in range(high.shape[0] - 1):
            for k in range(high[x], high[x + 1]):
                at = place[ends[k]]
                place[ends[k]] = at + 1
                columns[at] = <index_t>x
                values[at] = weights[k]


def merge(
    int64_t[::1] low, index_t[::1] columns, double[::1] values, int64_t[::1] indptr
):
    """Add up repetitions and drop zeros in place; indptr for both directions.

    Returns how many edges are left, the sum of their absolute weights, and a bound on
    the sum of the rounding errors (Knuth's two-sum gives each exactly).
    """
    cdef Py_ssize_t x, k = 0, end, n = low.shape[0] - 1
    cdef int64_t out = 0
    cdef index_t column
    cdef double total, sum, part, scale = 0, rounding = 0
    with nogil:
        for x in range(n):
            end = low[x + 1]
            while k < end:
                column = columns[k]
                total = values[k]
                k += 1
                while k < end and columns[k] == column:
                    sum = total + values[k]
                    part = sum - total
                    rounding += fabs((total - (sum - part)) + (values[k] - part))
                    total = sum
                    k += 1
                if total != 0:
                    columns[out] = column
                    values[out] = total
                    indptr[x + 1] += 1
                    indptr[column + 1] += 1
                    scale += fabs(total)
                    out += 1
            low[x + 1] = out
        for x in range(n):
            indptr[x + 1] += indptr[x]
    return out, scale, rounding * (1 + 1e-6)


def mirror(
    const int64_t[::1] low,
    const index_t[::1] columns,
    const double[::1] values,
    int64_t[::1] place,
    index_t[::1] indices,
    double[::1] weights,
):
    """Write both directions; when row x is reached, all smaller neighbours are in."""
    cdef Py_ssize_t x, k
    cdef int64_t at
    with nogil:
        for x in range(low.shape[0] - 1):
            for k in range(low[x], low[x + 1]):
                at = place[columns[k]]
                place[columns[k]] = at + 1
                indices[at] = <index_t>x
                weights[at] = values[k]
                at = place[x]
                place[x] = at + 1
                indices[at] = columns[k]
                weights[at] = values[k]
