# Ascent on F(W, b), (2.1)-(2.4): one iteration is two passes, over edges and
# over vertices. Included by _ascent32.pyx (real = float) and _ascent64.pyx (double),
# which define `real`, `lanes` (32 bytes of it), LANES, `splat` and `sum_group`.
#
# Units: everything is divided by tau, and the weights by a power of two (exact).
# State of vertex u: unit row X_u = W_u / s_u, s_u = sqrt(1 + |W_u|^2), b_u, h_u = b_u/s_u,
# momentum (M_u, mb_u) and second moment v_u (one number a vertex: a step that is
# aware of scale). Rows are padded with zeros to a multiple of 16
# (32 bytes twice).
#
# Edge pass   reads X, h; writes links[2 p], links[2 p + 1] at both CSR positions p of the
#             edge. With q^2 = 1 - rho^2, A = (h_v - rho h_u)/(sqrt2 q):
#                 links[2 p]     = -2 w phi2        (2.3) without 1/(s_u s_v)
#                 links[2 p + 1] = w erf(A)         (2.2), (2.3), seen from p's row
# Vertex pass reads links and all X; writes its own row of the next X, h, s, b, M, mb, v.
#             With P = sum_v links X_v, G = sum_v w erf, the sum of 2 w rho phi2 is
#             -X_u . P (one product less an edge), and
#                 grad_W = (P + (h phi(h) G - X_u . P) X_u) / s_u - lambda s_u X_u   (2.4)
#                 grad_b = -phi(h) G / s_u                                          (2.2)
#
# Cost an edge at k = 16: three rows of 64 bytes gathered, one exp, two erf.
# Invariants: one writer per output, blocks fixed, so the bits do not depend on the
# number of threads; lanes are summed in a fixed order.
from cython.parallel cimport prange
from libc.math cimport sqrt
from libc.stdint cimport int64_t

from derandcut._core._special cimport erf_real, exp_real
from derandcut._core._types cimport index_t

cdef enum:
    EDGES = 256              # edges a block
    VERTICES = 128           # vertices a block


cdef inline void sum_rows(const lanes* partial, real* out, int count) noexcept nogil:
    """out[i] = sum of the lanes of partial[i]; count is rounded up to whole groups."""
    cdef int i
    for i in range((count + LANES - 1) // LANES):
        (<lanes*>out)[i] = sum_group(partial + LANES * i)


cdef void edge_block(
    const index_t* eu, const index_t* ev, const real* ew,
    const index_t* up, const index_t* down,
    const lanes* X, const real* h, real* links, int width, int count,
) noexcept nogil:
    cdef lanes[EDGES] partial
    cdef real[EDGES] hu, hv, rho, a, gu, gv
    cdef const lanes* x
    cdef const lanes* y
    cdef lanes total
    cdef real q2, iq, A, C
    cdef int i, j
    if width == 2:
        for i in range(count):
            x = X + 2 * <Py_ssize_t>eu[i]
            y = X + 2 * <Py_ssize_t>ev[i]
            partial[i] = x[0] * y[0] + x[1] * y[1]
            hu[i] = h[eu[i]]
            hv[i] = h[ev[i]]
    else:
        for i in range(count):
            x = X + width * <Py_ssize_t>eu[i]
            y = X + width * <Py_ssize_t>ev[i]
            total = x[0] * y[0]
            for j in range(1, width):
                total = total + x[j] * y[j]
            partial[i] = total
            hu[i] = h[eu[i]]
            hv[i] = h[ev[i]]
    sum_rows(partial, rho, count)
    for i in range(count):
        q2 = 1 - rho[i] * rho[i]
        q2 = q2 if q2 > <real>1e-6 else <real>1e-6
        iq = 1 / sqrt_real(q2)
        A = (hv[i] - rho[i] * hu[i]) * iq * <real>0.7071067811865476
        C = (hu[i] - rho[i] * hv[i]) * iq * <real>0.7071067811865476
        # (2.3) phi2 = exp(-h_u^2/2 - A^2) / (2 pi q)
        a[i] = ew[i] * iq * <real>-0.3183098861837907 * exp_real(
            -(<real>0.5 * hu[i] * hu[i] + A * A)
        )
        gu[i] = ew[i] * erf_real(A)
        gv[i] = ew[i] * erf_real(C)
    for i in range(count):
        links[2 * <Py_ssize_t>up[i]] = a[i]
        links[2 * <Py_ssize_t>up[i] + 1] = gu[i]
        links[2 * <Py_ssize_t>down[i]] = a[i]
        links[2 * <Py_ssize_t>down[i] + 1] = gv[i]


cdef double vertex_block(
    const int64_t* indptr, const index_t* indices, const index_t* order,
    const real* links, const lanes* X, lanes* Y, lanes* M, real* h, real* s, real* b, real* mb, real* v,
    Py_ssize_t first, int width, int count,
    real rate, real beta1, real beta2, real c2, real decay,
) noexcept nogil:
    """One step of the vertices first..first + count; returns their |grad|^2."""
    cdef lanes[VERTICES] partial
    cdef real[VERTICES] G, dot, phi, coefficient, inverse, shrink, gb, step, weight
    cdef const real* l
    cdef const lanes* x
    cdef const lanes* z
    cdef lanes* y
    cdef lanes* m
    cdef lanes p0, p1, g, fa, fb, keep, blend, total
    cdef real x_real
    cdef double norm = 0
    cdef Py_ssize_t u, p
    cdef int i, j
    keep, blend = splat(beta1), splat(1 - beta1)
    for i in range(count):
        # Vertices of equal degree follow each other: the loops' ends are predictable.
        u = order[i]
        x = X + width * u
        y = Y + width * u
        # P = sum_v links X_v, two vectors of columns at a time, and G.
        p0 = splat(0)
        p1 = p0
        x_real = 0
        for p in range(indptr[u], indptr[u + 1]):
            l = links + 2 * p
            fa = splat(l[0])
            z = X + width * <Py_ssize_t>indices[p]
            p0 = p0 + fa * z[0]
            p1 = p1 + fa * z[1]
            x_real = x_real + l[1]
        y[0], y[1] = p0, p1
        total = x[0] * p0 + x[1] * p1
        for j in range(2, width, 2):
            p0 = splat(0)
            p1 = p0
            for p in range(indptr[u], indptr[u + 1]):
                fa = splat(links[2 * p])
                z = X + width * <Py_ssize_t>indices[p] + j
                p0 = p0 + fa * z[0]
                p1 = p1 + fa * z[1]
            y[j], y[j + 1] = p0, p1
            total = total + (x[j] * p0 + x[j + 1] * p1)
        partial[u - first] = total
        G[u - first] = x_real
    sum_rows(partial, dot, count)
    for i in range(count):
        u = first + i
        inverse[i] = 1 / s[u]
        shrink[i] = decay * s[u]
        phi[i] = <real>0.3989422804014327 * exp_real(<real>-0.5 * h[u] * h[u])
        coefficient[i] = h[u] * phi[i] * G[i] - dot[i]
        gb[i] = -phi[i] * G[i] * inverse[i]
    for i in range(count):
        u = first + i
        x = X + width * u
        y = Y + width * u
        m = M + width * u
        fa = splat(inverse[i])
        fb = splat(coefficient[i] * inverse[i] - shrink[i])
        total = splat(0)
        for j in range(width):
            g = y[j] * fa + x[j] * fb
            m[j] = keep * m[j] + blend * g
            total = total + g * g
        partial[i] = total
    sum_rows(partial, weight, count)
    for i in range(count):
        u = first + i
        x_real = weight[i] + gb[i] * gb[i]
        weight[i] = x_real
        v[u] = beta2 * v[u] + (1 - beta2) * x_real
        step[i] = rate / (sqrt_real(v[u] * c2) + <real>1e-12)
        mb[u] = beta1 * mb[u] + (1 - beta1) * gb[i]
        b[u] = b[u] + step[i] * mb[u]
    for i in range(count):
        norm += weight[i]
    for i in range(count):
        u = first + i
        x = X + width * u
        y = Y + width * u
        m = M + width * u
        fa, fb = splat(s[u]), splat(step[i])
        total = splat(0)
        for j in range(width):
            g = fa * x[j] + fb * m[j]
            y[j] = g
            total = total + g * g
        partial[i] = total
    sum_rows(partial, weight, count)
    for i in range(count):
        u = first + i
        s[u] = sqrt_real(1 + weight[i])
        inverse[i] = 1 / s[u]
        h[u] = b[u] * inverse[i]
    for i in range(count):
        y = Y + width * (first + i)
        fa = splat(inverse[i])
        for j in range(width):
            y[j] = y[j] * fa
    return norm


def ascend(
    const int64_t[::1] indptr, const index_t[::1] indices, const index_t[::1] order,
    const index_t[::1] eu, const index_t[::1] ev, const real[::1] ew,
    const index_t[::1] up, const index_t[::1] down,
    real[:, ::1] X, real[:, ::1] Y, real[:, ::1] M,
    real[::1] h, real[::1] s, real[::1] b, real[::1] mb, real[::1] v,
    real[::1] links, double[::1] norms, double[::1] powers,
    int iterations, double rate, double beta1, double beta2, double decay,
    int n_threads,
):
    """Do `iterations` steps; returns |grad|^2 at the start of the last one.

    X and Y change places at every step: after an odd number the state is in Y.
    powers = (beta1^t, beta2^t) is carried on; norms has one entry a vertex block.
    """
    cdef Py_ssize_t n = indptr.shape[0] - 1, m = eu.shape[0], block, t
    cdef Py_ssize_t edge_blocks = (m + EDGES - 1) // EDGES
    cdef Py_ssize_t vertex_blocks = (n + VERTICES - 1) // VERTICES
    cdef int width = <int>(X.shape[1] // LANES)
    cdef double total = 0
    cdef lanes* x = <lanes*>&X[0, 0]
    cdef lanes* y = <lanes*>&Y[0, 0]
    cdef lanes* other
    cdef real adam_rate, c2
    with nogil:
        for t in range(iterations):
            powers[0] *= beta1
            powers[1] *= beta2
            adam_rate = <real>(rate / (1 - powers[0]))
            c2 = <real>(1 / (1 - powers[1]))
            for block in prange(edge_blocks, schedule="static", num_threads=n_threads):
                edge_block(
                    &eu[block * EDGES], &ev[block * EDGES], &ew[block * EDGES],
                    &up[block * EDGES], &down[block * EDGES], x, &h[0], &links[0],
                    width, <int>min(<Py_ssize_t>EDGES, m - block * EDGES),
                )
            for block in prange(
                vertex_blocks, schedule="static", num_threads=n_threads
            ):
                norms[block] = vertex_block(
                    &indptr[0], &indices[0], &order[block * VERTICES],
                    &links[0], x, y, <lanes*>&M[0, 0],
                    &h[0], &s[0], &b[0], &mb[0], &v[0], block * VERTICES, width,
                    <int>min(<Py_ssize_t>VERTICES, n - block * VERTICES),
                    adam_rate, <real>beta1, <real>beta2, c2, <real>decay,
                )
            other = x
            x = y
            y = other
        for block in range(vertex_blocks):
            total += norms[block]
    return total
