"""Rounding kernels: conditional expectations (2.6) and 1-flip descent, float64.

Read the symmetric CSR graph, write means or sides; each visited vertex costs its degree.
Sums over a row are taken afresh, in order: no drift, and exact for integer weights.
"""

from libc.stdint cimport int8_t, int64_t, uint8_t

from derandcut._core._types cimport index_t


def fix_means(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    const int64_t[::1] order, double[::1] mean,
):
    """Set each mean, in `order`, to the side of larger conditional expectation.

    F is affine in mean_u with slope -field/2, field = sum_v w_uv mean_v: moving mean_u to
    -sign(field) never lowers F. A field of zero keeps the nearer side.
    """
    cdef Py_ssize_t i, p, u
    cdef double field
    with nogil:
        for i in range(order.shape[0]):
            u = order[i]
            field = 0
            for p in range(indptr[u], indptr[u + 1]):
                field = field + weights[p] * mean[indices[p]]
            if field == 0:
                mean[u] = 1.0 if mean[u] >= 0 else -1.0
            else:
                mean[u] = -1.0 if field > 0 else 1.0


def descend(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    const double[::1] slack, int8_t[::1] side, index_t[::1] queue, uint8_t[::1] queued,
    int64_t[::1] state, int64_t visits,
):
    """Flip vertices that gain more than their slack until none is left in the queue.

    `queue` is a ring of n places holding every vertex marked in `queued`; state =
    (head, length) is carried between slices of `visits` edge visits. Returns the visits
    done. Each flip raises the cut, so the loop ends.
    """
    cdef Py_ssize_t n = side.shape[0], p, u, v
    cdef int64_t head = state[0], length = state[1], done = 0
    cdef double gain
    with nogil:
        while length > 0 and done < visits:
            u = queue[head]
            head = head + 1 if head + 1 < n else 0
            length -= 1
            queued[u] = 0
            gain = 0
            for p in range(indptr[u], indptr[u + 1]):
                gain = gain + weights[p] * side[indices[p]]
            done += indptr[u + 1] - indptr[u] + 1
            if gain * side[u] > slack[u]:
                side[u] = -side[u]
                for p in range(indptr[u], indptr[u + 1]):
                    v = indices[p]
                    if not queued[v]:
                        queued[v] = 1
                        queue[head + length if head + length < n
                              else head + length - n] = <index_t>v
                        length += 1
    state[0] = head
    state[1] = length
    return done
