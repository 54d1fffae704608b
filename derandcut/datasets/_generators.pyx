"""The generators that are sequential loops: rudy's, and preferential attachment.

Random numbers of rudy are Knuth's "flip" (Stanford GraphBase): a subtractive sequence
modulo 2^31 on A[1..55], handed out from the top down, refreshed when used up. `state`
holds k in place 0 and A behind it. Reads and writes only the arrays it is given; cost:
a few operations a draw, one hash probe an edge in `random_edges`.
"""

from libc.stdint cimport int64_t, uint64_t

from derandcut._core._rng cimport next_below

cdef int64_t MODULUS = 1LL << 31


cdef void refresh(int64_t* A) noexcept nogil:
    cdef int i
    for i in range(1, 25):
        A[i] = (A[i] - A[i + 31]) & (MODULUS - 1)
    for i in range(25, 56):
        A[i] = (A[i] - A[i - 24]) & (MODULUS - 1)


cdef int64_t draw(int64_t* A) noexcept nogil:
    cdef int64_t value
    if A[0] == 0:
        refresh(A)
        A[0] = 54
        return A[55]
    value = A[A[0]]
    A[0] -= 1
    return value


cdef int64_t uniform(int64_t* A, int64_t m) noexcept nogil:
    """Uniform on 0..m-1, by rejection."""
    cdef int64_t limit = MODULUS - MODULUS % m, value = draw(A)
    while value >= limit:
        value = draw(A)
    return value % m


def seed(int64_t s, int64_t[::1] state):
    """Seed `state` (56 places) with s."""
    cdef int64_t* A = &state[0]
    cdef int64_t previous = s & (MODULUS - 1), next = 1, i = 21
    s = previous
    A[55] = previous
    while i:
        A[i] = next
        next = (previous - next) & (MODULUS - 1)
        s = (s >> 1) + (1 << 30) * (s & 1)
        next = (next - s) & (MODULUS - 1)
        previous = A[i]
        i = (i + 21) % 55
    for i in range(5):
        refresh(A)
    A[0] = 54


def uniforms(int64_t[::1] state, int64_t m, int64_t[::1] out):
    """Fill `out` with draws from 0..m-1."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(out.shape[0]):
            out[i] = uniform(&state[0], m)


def random_edges(
    int64_t[::1] state, int64_t n, uint64_t[::1] table, int64_t[::1] u, int64_t[::1] v
):
    """Draw distinct edges on n vertices; `table`: zeros, a power of two > 2 edges."""
    cdef int64_t* A = &state[0]
    cdef uint64_t key, slot, mask = table.shape[0] - 1
    cdef Py_ssize_t k = 0
    cdef int64_t a, b
    with nogil:
        while k < u.shape[0]:
            a = uniform(A, n)
            b = uniform(A, n)
            if a == b:
                continue
            key = <uint64_t>(min(a, b) * n + max(a, b))
            slot = (key * 0x9E3779B97F4A7C15ULL) >> 20 & mask
            while table[slot] != 0 and table[slot] != key:
                slot = (slot + 1) & mask
            if table[slot] == key:
                continue
            # No edge has key 0: 0 * n + 0 is a loop.
            table[slot] = key
            u[k] = a
            v[k] = b
            k += 1


def stacked_triangulation(
    int64_t[::1] state,
    int64_t n,
    int64_t kept,
    int64_t[:, ::1] faces,
    int64_t[::1] u,
    int64_t[::1] v,
):
    """Insert n - 3 vertices into random faces, then delete random edges to `kept`.

    `faces` has 2 n - 5 rows, `u` and `v` 3 n - 6 places.
    """
    cdef int64_t* A = &state[0]
    cdef int64_t x, f, a, b, c, count = 1, m = 3
    with nogil:
        u[0] = 0
        v[0] = 1
        u[1] = 0
        v[1] = 2
        u[2] = 1
        v[2] = 2
        faces[0, 0] = 0
        faces[0, 1] = 1
        faces[0, 2] = 2
        for x in range(3, n):
            f = uniform(A, count)
            a = faces[f, 0]
            b = faces[f, 1]
            c = faces[f, 2]
            u[m] = a
            u[m + 1] = b
            u[m + 2] = c
            v[m] = x
            v[m + 1] = x
            v[m + 2] = x
            m += 3
            faces[f, 2] = x
            faces[count, 0] = a
            faces[count, 1] = c
            faces[count, 2] = x
            faces[count + 1, 0] = b
            faces[count + 1, 1] = c
            faces[count + 1, 2] = x
            count += 2
        while m > kept:
            f = uniform(A, m)
            m -= 1
            u[f] = u[m]
            v[f] = v[m]


def preferential_attachment(uint64_t[::1] state, int64_t attach, int64_t[::1] ends):
    """Batagelj and Brandes 2005: edge k joins k // attach to an end drawn before it.

    `ends` has two places an edge, the two ends of an edge side by side.
    """
    cdef Py_ssize_t k
    with nogil:
        for k in range(ends.shape[0] // 2):
            ends[2 * k] = k // attach
            ends[2 * k + 1] = ends[next_below(&state[0], <unsigned int>(2 * k + 1))]
