# Kernels of the dense relaxation with triangle inequalities, docs/method (8.1)-(8.4).
#
#     minimise  E(X) = sum_{u<v} w_uv X_uv   over X = V V', unit rows V_u in R^rank,
#     subject to  slack_t = s_ij X_ij + s_ik X_ik + s_jk X_jk + 1 >= 0
#
# for triangles t = (i < j < k), the signs those of one of four kinds: all plus, or plus
# at ij (kind 1), ik (2) or jk (3) alone.
#
# Storage  Matrices W, M, X of n rows have `ld` columns, n rounded up to a multiple of 8,
#          the padding zero; V, G and the quasi-Newton vectors are (n, rank), rank a
#          multiple of 8. X is filled on and above the diagonal.
# Cost     of `descend`, an evaluation: n^2 rank / 2 + n^2 rank multiply-adds, 9 memory
#          accesses a triangle, and 4 `MEMORY` n rank multiply-adds of the update.
# Keeps    rows of V unit; sums in 8 lanes, so every build returns the same bits.
from libc.math cimport fabs, sqrt
from libc.stdint cimport int8_t, int32_t, int64_t

cdef enum:
    MEMORY = 8  # pairs the quasi-Newton update remembers


cdef struct Problem:
    int n
    int ld
    int rank
    int64_t triangles
    const double* W
    const int32_t* ends
    const int8_t* kind
    const double* gamma
    double* multiplier  # gamma of the next round: (gamma - sigma slack)_+
    double sigma
    double* M           # W less the triangles' multipliers
    double* X
    double* VT          # V transposed, (rank, ld)


cdef inline double dot(const double* a, const double* b, int64_t count) noexcept nogil:
    """Inner product of vectors whose length is a multiple of 8."""
    cdef double s[8]
    cdef int64_t i
    cdef int j
    for j in range(8):
        s[j] = 0.0
    for i in range(0, count, 8):
        for j in range(8):
            s[j] += a[i + j] * b[i + j]
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]))


cdef inline void combine(
    const double* a, int64_t depth, const double* B, int64_t lb, double* c, int width,
) noexcept nogil:
    """c[:width] = a[:depth] B[:depth, :width]; inlined for each width."""
    cdef double s[32]
    cdef int64_t k
    cdef int j
    cdef double x
    for j in range(width):
        s[j] = 0.0
    for k in range(depth):
        x = a[k]
        for j in range(width):
            s[j] += x * B[k * lb + j]
    for j in range(width):
        c[j] = s[j]


cdef void product(
    const double* a, int64_t depth, const double* B, int64_t lb, double* c,
    int64_t columns,
) noexcept nogil:
    """c = a B, a row of `depth`, c of `columns` entries, a multiple of 8."""
    while columns >= 32:
        combine(a, depth, B, lb, c, 32)
        B += 32
        c += 32
        columns -= 32
    if columns >= 24:
        combine(a, depth, B, lb, c, 24)
    elif columns >= 16:
        combine(a, depth, B, lb, c, 16)
    elif columns >= 8:
        combine(a, depth, B, lb, c, 8)


cdef void gram(Problem* p, const double* V) noexcept nogil:
    """X = V V' on and above the diagonal (and a little below)."""
    cdef int i, j, c
    for i in range(p.n):
        for c in range(p.rank):
            p.VT[c * p.ld + i] = V[i * p.rank + c]
    for i in range(p.n):
        j = i & ~7
        product(V + i * p.rank, p.rank, p.VT + j, p.ld, p.X + <int64_t>i * p.ld + j,
                p.ld - j)


cdef double evaluate(
    Problem* p, const double* V, double* G, double* y
) noexcept nogil:
    """The augmented Lagrangian (8.3) at V, its tangent gradient G, y_u = (M V)_u . V_u.
    """
    cdef int64_t t, n = p.n, ld = p.ld, ij, ik, jk
    cdef int i, j, k, c
    cdef double a, b, d, slack, m, value = 0.0, penalty = 0.0, half = 0.5 / p.sigma
    gram(p, V)
    for t in range(n * ld):
        p.M[t] = p.W[t]
    for t in range(p.triangles):
        i = p.ends[3 * t]
        j = p.ends[3 * t + 1]
        k = p.ends[3 * t + 2]
        ij = i * ld + j
        ik = i * ld + k
        jk = j * ld + k
        a = -1.0 if p.kind[t] >= 2 else 1.0
        b = -1.0 if p.kind[t] & 1 else 1.0
        d = a * b
        slack = a * p.X[ij] + b * p.X[ik] + d * p.X[jk] + 1.0
        m = p.gamma[t] - p.sigma * slack
        if m > 0.0:
            p.M[ij] -= a * m
            p.M[ik] -= b * m
            p.M[jk] -= d * m
            p.M[j * ld + i] -= a * m
            p.M[k * ld + i] -= b * m
            p.M[k * ld + j] -= d * m
            penalty += m * m * half + m * (slack - 1.0)
        else:
            m = 0.0
        penalty -= p.gamma[t] * p.gamma[t] * half
        p.multiplier[t] = m
    for i in range(p.n):
        product(p.M + i * ld, n, V, p.rank, G + <int64_t>i * p.rank, p.rank)
        a = dot(G + <int64_t>i * p.rank, V + <int64_t>i * p.rank, p.rank)
        y[i] = a
        value += a
        for c in range(p.rank):
            G[<int64_t>i * p.rank + c] -= a * V[<int64_t>i * p.rank + c]
    return 0.5 * value + penalty


cdef void step_to(
    Problem* p, const double* V, const double* d, double t, double* out
) noexcept nogil:
    """Rows of V + t d, normalised."""
    cdef int64_t i
    cdef int c
    cdef double size
    cdef double* x
    for i in range(p.n):
        x = out + i * p.rank
        for c in range(p.rank):
            x[c] = V[i * p.rank + c] + t * d[i * p.rank + c]
        size = 1.0 / sqrt(dot(x, x, p.rank))
        for c in range(p.rank):
            x[c] *= size


def descend(
    const double[:, ::1] W, const int32_t[:, ::1] ends, const int8_t[::1] kind,
    const double[::1] gamma, double sigma, int64_t triangles, int iterations,
    double tolerance, double[:, ::1] V, double[::1] multiplier, double[::1] y,
    double[:, ::1] M, double[:, ::1] X, double[:, ::1] VT, double[:, :, ::1] room,
):
    """Minimise (8.3) by at most `iterations` quasi-Newton steps, until the tangent
    gradient's norm is at most `tolerance`; evaluations done, and the last norm.

    `room` holds 4 + 2 MEMORY blocks like V. On return M, X, multiplier and y belong
    to V.
    """
    cdef Problem p
    p.n = <int>V.shape[0]
    p.ld = <int>W.shape[1]
    p.rank = <int>V.shape[1]
    p.triangles = triangles
    p.W, p.ends, p.kind, p.gamma = &W[0, 0], &ends[0, 0], &kind[0], &gamma[0]
    p.multiplier, p.sigma = &multiplier[0], sigma
    p.M, p.X, p.VT = &M[0, 0], &X[0, 0], &VT[0, 0]
    cdef int64_t size = <int64_t>p.n * p.rank, e
    cdef double* x = &V[0, 0]
    cdef double* g = &room[0, 0, 0]
    cdef double* trial = &room[1, 0, 0]
    cdef double* new = &room[2, 0, 0]
    cdef double* d = &room[3, 0, 0]
    cdef double* s = &room[4, 0, 0]
    cdef double* q = &room[4 + MEMORY, 0, 0]
    cdef double* s_at
    cdef double* q_at
    cdef double rho[MEMORY]
    cdef double alpha[MEMORY]
    cdef double value, next_value, slope, t, curvature, scale = 0.0, norm, c
    cdef int kept = 0, first = 0, k, at, step, halvings, evaluations = 1
    cdef bint moved = False
    with nogil:
        value = evaluate(&p, x, g, &y[0])
        norm = sqrt(dot(g, g, size))
        for step in range(iterations):
            if norm <= tolerance:
                break
            # d = -(inverse Hessian approximation) g, two loops over the pairs
            for e in range(size):
                d[e] = -g[e]
            for k in range(kept - 1, -1, -1):
                at = (first + k) % MEMORY
                s_at = s + at * size
                q_at = q + at * size
                alpha[at] = rho[at] * dot(s_at, d, size)
                for e in range(size):
                    d[e] -= alpha[at] * q_at[e]
            if kept == 0:
                # no curvature known yet: |G_u| is about the diagonal of the Hessian
                scale = 0.0
                for k in range(p.n):
                    scale += fabs(y[k])
                scale = 0.5 * p.n / (scale + norm)
            for e in range(size):
                d[e] *= scale
            for k in range(kept):
                at = (first + k) % MEMORY
                s_at = s + at * size
                q_at = q + at * size
                c = alpha[at] - rho[at] * dot(q_at, d, size)
                for e in range(size):
                    d[e] += c * s_at[e]
            for k in range(p.n):
                c = dot(d + k * p.rank, x + k * p.rank, p.rank)
                for e in range(k * p.rank, (k + 1) * p.rank):
                    d[e] -= c * x[e]
            slope = dot(d, g, size)
            if slope >= 0.0:
                if kept == 0:
                    break
                kept = 0
                continue
            t = 1.0
            moved = False
            for halvings in range(12):
                step_to(&p, x, d, t, trial)
                next_value = evaluate(&p, trial, new, &y[0])
                evaluations += 1
                if next_value <= value + 1e-4 * t * slope:
                    moved = True
                    break
                c = next_value - value - t * slope
                t = t * (-0.5 * t * slope / c if 0.2 * c < -t * slope else 0.1)
            if not moved:
                if kept == 0:
                    break
                kept = 0
                continue
            if kept == MEMORY:
                first = (first + 1) % MEMORY
                kept -= 1
            at = (first + kept) % MEMORY
            s_at = s + at * size
            q_at = q + at * size
            for e in range(size):
                s_at[e] = trial[e] - x[e]
                q_at[e] = new[e] - g[e]
                x[e] = trial[e]
                g[e] = new[e]
            value = next_value
            norm = sqrt(dot(g, g, size))
            curvature = dot(s_at, q_at, size)
            c = dot(q_at, q_at, size)
            if curvature > 1e-10 * c:
                rho[at] = 1.0 / curvature
                scale = curvature / c
                kept += 1
        if not moved:  # the last evaluation was not at V
            evaluate(&p, x, g, &y[0])
            evaluations += 1
    return evaluations, norm


def apply(
    const double[:, ::1] W, const int32_t[:, ::1] ends, const int8_t[::1] kind,
    const double[::1] gamma, int64_t triangles, double[:, ::1] M,
):
    """M = W - sum gamma_t s_t, on both sides of the diagonal."""
    cdef int64_t t, n = W.shape[0], ld = W.shape[1]
    cdef int i, j, k
    cdef double a, b, m
    cdef const double* w = &W[0, 0]
    cdef double* x = &M[0, 0]
    with nogil:
        for t in range(n * ld):
            x[t] = w[t]
        for t in range(triangles):
            i = ends[t, 0]
            j = ends[t, 1]
            k = ends[t, 2]
            m = gamma[t]
            a = -m if kind[t] >= 2 else m
            b = -m if kind[t] & 1 else m
            x[i * ld + j] -= a
            x[j * ld + i] -= a
            x[i * ld + k] -= b
            x[k * ld + i] -= b
            if (kind[t] >= 2) != (kind[t] & 1):
                m = -m
            x[j * ld + k] -= m
            x[k * ld + j] -= m


def factor(const double[:, ::1] M, const double[::1] s, double[:, ::1] U):
    """M + Diag(s) = U'U, U upper triangular; False if a pivot is not positive.

    n^3 / 6 multiply-adds, row by row of the trailing matrix.
    """
    cdef int64_t n = M.shape[0], ld = M.shape[1], i, j, k
    cdef double pivot, c
    cdef double* row
    cdef const double* top
    cdef bint positive = True
    with nogil:
        for i in range(n):
            row = &U[i, 0]
            for j in range(i, ld):
                row[j] = M[i, j]
            row[i] = M[i, i] + s[i]
        for k in range(n):
            top = &U[k, 0]
            pivot = top[k]
            if not pivot > 0.0:
                positive = False
                break
            pivot = sqrt(pivot)
            row = &U[k, 0]
            row[k] = pivot
            for j in range(k + 1, n):
                row[j] = row[j] / pivot
            for i in range(k + 1, n):
                c = top[i]
                row = &U[i, 0]
                for j in range(i, n):
                    row[j] -= c * top[j]
    return positive


def lanczos(
    const double[:, ::1] M, const double[::1] y, double[:, ::1] basis,
    double[::1] alpha, double[::1] beta,
):
    """Lanczos on M - Diag(y) from basis[0], every step orthogonalised twice; the steps
    made. Rows of `basis` have `ld` entries; n^2 + 4 n steps multiply-adds a step.
    """
    cdef int64_t n = M.shape[0], ld = M.shape[1], i, k, e, again
    cdef int64_t steps = basis.shape[0] - 1
    cdef double c
    cdef double* q
    cdef double* r
    with nogil:
        for k in range(steps):
            q = &basis[k, 0]
            # r = (M - Diag(y)) q, where the next row will stand
            r = &basis[k + 1, 0]
            for i in range(n):
                r[i] = dot(&M[i, 0], q, ld) - y[i] * q[i]
            for i in range(n, ld):
                r[i] = 0.0
            alpha[k] = dot(r, q, ld)
            for again in range(2):
                for i in range(k + 1):
                    c = dot(r, &basis[i, 0], ld)
                    for e in range(n):
                        r[e] -= c * basis[i, e]
            beta[k] = sqrt(dot(r, r, ld))
            if beta[k] < 1e-10 * (1.0 + fabs(alpha[0])):
                steps = k + 1
                break
            c = 1.0 / beta[k]
            for e in range(n):
                r[e] *= c
    return steps


def diagonalise(double[:, ::1] A, double[:, ::1] Q, int sweeps):
    """Jacobi rotations: A becomes nearly diagonal, and rows of Q its eigenvectors.

    About 2 r^3 multiply-adds a sweep. Here and not from a library, whose threads spin.
    """
    cdef int64_t r = A.shape[0], i, j, k
    cdef int sweep
    cdef double theta, t, c, s, x, y, off, size
    with nogil:
        for i in range(r):
            for j in range(r):
                Q[i, j] = 1.0 if i == j else 0.0
        for sweep in range(sweeps):
            off = 0.0
            size = 0.0
            for i in range(r):
                size += A[i, i] * A[i, i]
                for j in range(i):
                    off += A[i, j] * A[i, j]
            if off <= 1e-20 * size:
                break
            for i in range(r - 1):
                for j in range(i + 1, r):
                    if A[i, j] * A[i, j] <= 1e-26 * size:
                        continue
                    theta = (A[j, j] - A[i, i]) / (2.0 * A[i, j])
                    t = 1.0 / (fabs(theta) + sqrt(theta * theta + 1.0))
                    if theta < 0.0:
                        t = -t
                    c = 1.0 / sqrt(t * t + 1.0)
                    s = t * c
                    for k in range(r):
                        x = A[i, k]
                        y = A[j, k]
                        A[i, k] = c * x - s * y
                        A[j, k] = s * x + c * y
                        x = Q[i, k]
                        y = Q[j, k]
                        Q[i, k] = c * x - s * y
                        Q[j, k] = s * x + c * y
                    for k in range(r):
                        x = A[k, i]
                        y = A[k, j]
                        A[k, i] = c * x - s * y
                        A[k, j] = s * x + c * y


def separate(
    const double[:, ::1] X, double least, int64_t[::1] histogram, double[::1] row,
    int32_t[:, ::1] ends, int8_t[::1] kind, double[::1] violation,
):
    """List the triangles violated by more than `least`, at most as many as there is
    room; their number. With `histogram` of some length b, only count the violations
    in [0, 1) into b equal bins.

    -slack = max(|b + c| - a, |b - c| + a) - 1 for a, b, c = X_ij, X_ik, X_jk.
    """
    cdef int64_t n = X.shape[0], found = 0, room = ends.shape[0]
    cdef int64_t bins = histogram.shape[0], at
    cdef int64_t i, j, k
    cdef double a, plus, minus, worst, top
    cdef const double* xi
    cdef const double* xj
    cdef double* z = &row[0]
    cdef bint counting = bins > 0
    with nogil:
        for i in range(n - 2):
            xi = &X[i, 0]
            for j in range(i + 1, n - 1):
                xj = &X[j, 0]
                a = xi[j]
                top = 0.0
                for k in range(j + 1, n):
                    plus = fabs(xi[k] + xj[k]) - a
                    minus = fabs(xi[k] - xj[k]) + a
                    z[k] = plus if plus > minus else minus
                for k in range(j + 1, n):
                    if z[k] > 1.0 + least:
                        worst = z[k] - 1.0
                        if counting:
                            at = <int64_t>(worst * bins)
                            histogram[min(at, bins - 1)] += 1
                            found += 1
                        elif found < room:
                            ends[found, 0] = <int32_t>i
                            ends[found, 1] = <int32_t>j
                            ends[found, 2] = <int32_t>k
                            # kind 0, 3: a - |b + c|; 1, 2: -a - |b - c|
                            plus = fabs(xi[k] + xj[k]) - a
                            minus = fabs(xi[k] - xj[k]) + a
                            if plus > minus:
                                kind[found] = 0 if xi[k] + xj[k] < 0 else 1
                            else:
                                kind[found] = 3 if xi[k] > xj[k] else 2
                            violation[found] = worst
                            found += 1
    return found
