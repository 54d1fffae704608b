"""Annealing kernels: 256 replicas in the bits of a word, and one replica in float64.

Bit-sliced (multi-spin coding; Isakov, Zintchenko, Ronnow, Troyer 2015). Bit j of
``S[u]`` says whether replica j has u on side +1; ``S[n + u]`` is its complement, which
is what a neighbour by a negative edge reads. For the vertex u

    y_e = S[u] ^ S[v]  complemented for w_e > 0:  the edge e gains if u flips,
    K = sum |w_e| y_e,   gain = 2 K - D,   D = sum |w_e|            (units of weight)

and Metropolis' rule "flip if r < exp(gain / T)" is K >= k0 with
k0 = ceil((D + T log r) / 2). One r a vertex serves all replicas of a word: each of them
is an exact Metropolis chain, and replicas differ because their states do. K is counted
by carry-save adders (5 logical operations for two neighbours), plane by plane: an edge
whose |w| has bit p enters at plane p, a carry goes one plane up. "K >= k0" is the carry
out of K + ~k0 + 1, one majority a plane. Equal replicas would stay equal for ever, so
every (rare + 1)-th vertex draws two r, and each replica tosses a coin between them.

Reads the lists of neighbours, reads and writes S and the state of the generator. About
1.4 ns a neighbour and plane for all 256 replicas.

Scalar. Sides x and fields h_u = sum_v w_uv x_v in float64 (exact for integer weights),
gain of a flip x_u h_u, fields updated after each flip: 1 to 6 ns a vertex, 1 ns an edge
of a vertex that flips, .2 ns if its row is full.
"""

from libc.math cimport exp, log
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from derandcut._core._rng cimport next_u64
from derandcut._core._types cimport index_t

cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__)
    #pragma GCC diagnostic ignored "-Wpsabi"
    #endif
    typedef uint64_t word __attribute__((vector_size(32), aligned(8)));
    #define prefetch(p) __builtin_prefetch(p)
    #define splat(m) ((word){(m), (m), (m), (m)})
    #define majority(a, b, c) (((a) & (b)) | (((a) ^ (b)) & (c)))

    /* sum + a + b = (sum, carry); sum + a = (sum, carry) */
    #define full_add(sum, carry, a, b) do { \\
        word a_ = (a), b_ = (b), half_ = a_ ^ b_; \\
        (carry) = (a_ & b_) | (half_ & (sum)); (sum) ^= half_; } while (0)
    #define half_add(sum, carry, a) do { \\
        word a_ = (a); (carry) = (sum) & a_; (sum) ^= a_; } while (0)

    /* Adds d words: their last bits into sum, the d / 2 carries into x. */
    #define add_plane(sum, x, d, at) do { \\
        int i_; (sum) = at(0); \\
        for (i_ = 1; i_ + 1 < (d); i_ += 2) \\
            full_add(sum, (x)[i_ / 2], at(i_), at(i_ + 1)); \\
        if (i_ < (d)) half_add(sum, (x)[i_ / 2], at(i_)); } while (0)
    #define gain_of(i) (other ^ S[neighbour[i]])
    #define carry_of(i) x[i]

    /* The replicas with K >= k0 at a vertex of d <= 15 neighbours by unit edges; d is a
       constant where this is inlined, so that all loops unroll. mask: bits of ~k0. */
    static inline __attribute__((always_inline)) word vote_of(
        const word *S, const int32_t *neighbour, word other, const uint64_t *mask, int d)
    {
        word x[8], sum, carry;
        add_plane(sum, x, d, gain_of);
        carry = sum | splat(mask[0]);
        if (d >= 2) {
            add_plane(sum, x, d / 2, carry_of);
            carry = majority(sum, splat(mask[1]), carry);
        }
        if (d >= 4) {
            add_plane(sum, x, d / 4, carry_of);
            carry = majority(sum, splat(mask[2]), carry);
        }
        if (d >= 8) {
            add_plane(sum, x, d / 8, carry_of);
            carry = majority(sum, splat(mask[3]), carry);
        }
        return carry;
    }
    static inline word vote(
        const word *S, const int32_t *neighbour, word other, const uint64_t *mask, int d)
    {
        switch (d) {
        #define of_degree(d) case d: return vote_of(S, neighbour, other, mask, d)
        of_degree(1); of_degree(2); of_degree(3); of_degree(4); of_degree(5);
        of_degree(6); of_degree(7); of_degree(8); of_degree(9); of_degree(10);
        of_degree(11); of_degree(12); of_degree(13); of_degree(14);
        default: return vote_of(S, neighbour, other, mask, 15);
        }
    }
    """
    ctypedef unsigned long long word
    void prefetch(const word*) nogil
    word splat(uint64_t) nogil
    word majority(word, word, word) nogil
    void full_add(word, word, word, word) nogil
    void half_add(word, word, word) nogil
    word vote(const word*, const int32_t*, word, const uint64_t*, int) nogil


def lists(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    const uint8_t[::1] multiple,     # |w| in units
    const int64_t[::1] order, const int64_t[::1] position,
    int planes, int64_t[::1] begin, int32_t[::1] neighbour,
):
    """Which words each vertex, in `order`, adds at plane p: begin[planes i + p] on."""
    cdef int64_t n = order.shape[0], i, e, u, at = 0
    cdef int p
    with nogil:
        for i in range(n):
            u = order[i]
            for p in range(planes):
                begin[i * planes + p] = at
                for e in range(indptr[u], indptr[u + 1]):
                    if multiple[e] >> p & 1:
                        neighbour[at] = <int32_t>(
                            position[indices[e]] + (n if weights[e] < 0 else 0)
                        )
                        at += 1
        begin[n * planes] = at


cdef inline void thresholds(
    double T, int64_t most, int bits, uint64_t* step, int32_t* start
) noexcept nogil:
    """Tables of P(r < exp(-gap / T)) for the gaps 2, 4, ... and 1, 3, ..., times 2^32.

    ``step[j]`` for odd D, ``step[most + j]`` for even D, a zero at the end of each;
    ``start[q >> (32 - bits)]`` counts the steps certainly above q.
    """
    cdef double ratio = exp(-2 / T), p
    cdef int64_t parity, j
    cdef int32_t above, bucket
    for parity in range(2):
        p = 4294967296.0 * (ratio if parity else exp(-1 / T))
        for j in range(most - 1):
            step[j] = <uint64_t>p
            p *= ratio
        step[most - 1] = 0
        above = 0
        for bucket in range((1 << bits) - 1, -1, -1):
            while step[above] >= <uint64_t>(bucket + 1) << (32 - bits):
                above += 1
            start[bucket] = above
        step += most
        start += 1 << bits


cdef inline word wide_vote(
    const word* S, const int32_t* neighbour, const int64_t* begin, int planes,
    word other, int64_t k0, word* x
) noexcept nogil:
    """The replicas with K >= k0, for any degree and weights of `planes` bits.

    x holds the words that wait for plane p; their carries replace them in place.
    """
    cdef word carry = splat(~<uint64_t>0), sum
    cdef int64_t e, end, i, up, waiting = 0
    cdef int p = 0
    while p < planes or waiting > 0:
        e = end = 0
        if p < planes:
            e, end = begin[p], begin[p + 1]
        up = 0
        i = 1
        if waiting > 0:
            sum = x[0]
        elif e < end:
            sum = other ^ S[neighbour[e]]
            e += 1
        else:
            sum = splat(0)
        while i + 1 < waiting:
            full_add(sum, x[up], x[i], x[i + 1])
            up += 1
            i += 2
        if i < waiting:
            if e < end:
                full_add(sum, x[up], x[i], other ^ S[neighbour[e]])
                e += 1
            else:
                half_add(sum, x[up], x[i])
            up += 1
        while e + 1 < end:
            full_add(sum, x[up], other ^ S[neighbour[e]], other ^ S[neighbour[e + 1]])
            up += 1
            e += 2
        if e < end:
            half_add(sum, x[up], other ^ S[neighbour[e]])
            up += 1
        carry = majority(sum, splat(<uint64_t>((k0 >> p & 1) - 1)), carry)
        waiting = up
        p += 1
    return carry


def anneal(
    uint64_t[:, ::1] state, int64_t n, bint signed, int planes,
    const int64_t[::1] begin, const int32_t[::1] neighbour, const int64_t[::1] size,
    const double[::1] temperature, int64_t most, int bits, uint64_t[::1] step,
    int32_t[::1] start, const uint64_t[:, ::1] masks, uint64_t[:, ::1] scratch,
    uint64_t[::1] rng, int64_t ahead, int64_t rare,
):
    """One Metropolis sweep over the vertices in order for each temperature.

    Vertices before `size.shape[0]` have neighbours; `size` is D of the head comment.
    """
    cdef word* S = <word*>&state[0, 0]
    cdef word* buffer = <word*>&scratch[0, 0]
    cdef int64_t u, sweep, D, k0, count = size.shape[0]
    cdef int64_t e, last = begin[count * planes] - 1
    cdef int32_t c
    cdef uint64_t q
    cdef uint64_t* row
    cdef const int32_t* neighbours = &neighbour[0]
    cdef uint64_t coin[4]
    cdef int draw
    cdef word first, flips = splat(0)
    with nogil:
        for sweep in range(temperature.shape[0]):
            thresholds(temperature[sweep], most, bits, &step[0], &start[0])
            for u in range(count):
                D = size[u]
                if ahead > 0:
                    for e in range(begin[u * planes], begin[(u + 1) * planes]):
                        prefetch(S + neighbours[min(e + ahead, last)])
                first = splat(0)
                for draw in range(1 if u & rare else 2):
                    q = next_u64(&rng[0]) >> 32
                    row = &step[0] if D & 1 else &step[most]
                    c = start[(q >> (32 - bits)) + (0 if D & 1 else 1 << bits)]
                    while q < row[c]:
                        c += 1
                    k0 = ((D + 1) >> 1) - c
                    if k0 < 0:
                        k0 = 0
                    if planes == 1 and D <= 15:
                        flips = vote(
                            S, neighbours + begin[u], ~S[u], &masks[k0, 0], <int>D
                        )
                    else:
                        flips = wide_vote(
                            S, neighbours, &begin[u * planes], planes, ~S[u], k0, buffer
                        )
                    if draw == 1:
                        for e in range(4):
                            coin[e] = next_u64(&rng[0])
                        flips = first ^ ((first ^ flips) & (<word*>coin)[0])
                    first = flips
                S[u] = S[u] ^ flips
                if signed:
                    S[n + u] = ~S[u]


def count(
    uint64_t[:, ::1] state, int planes, const int64_t[::1] begin,
    const int32_t[::1] neighbour, int64_t rows, uint64_t[:, ::1] scratch,
    int64_t[::1] total,
):
    """total[j] = 2 sum |w_e| [e adds to the cut of replica j, w_e < 0 counted as -1].

    Counters of 64 planes in `scratch`; eight edges share one carry into plane p + 3.
    """
    cdef word* S = <word*>&state[0, 0]
    cdef word* b = <word*>&scratch[0, 0]
    cdef int64_t u, e, j, fill = 0
    cdef int p, i
    cdef word x[8]
    cdef word t0 = splat(0), t1 = splat(0), t2 = splat(0), t3 = splat(0)
    with nogil:
        for i in range(64):
            b[i] = splat(0)
        for p in range(planes):
            for u in range(rows):
                for e in range(begin[u * planes + p], begin[u * planes + p + 1]):
                    x[fill] = S[u] ^ S[neighbour[e]]
                    fill += 1
                    if fill < 8:
                        continue
                    fill = 0
                    full_add(b[p], t0, x[0], x[1])
                    full_add(b[p], t1, x[2], x[3])
                    full_add(b[p], t2, x[4], x[5])
                    full_add(b[p], t3, x[6], x[7])
                    full_add(b[p + 1], t0, t0, t1)
                    full_add(b[p + 1], t2, t2, t3)
                    full_add(b[p + 2], t0, t0, t2)
                    ripple(b, p + 3, t0)
            for i in range(fill):
                ripple(b, p, x[i])
            fill = 0
        for j in range(256):
            total[j] = 0
            for i in range(64):
                total[j] += (scratch[i, j >> 6] >> (j & 63) & 1) << i


cdef inline void ripple(word* b, int i, word x) noexcept nogil:
    """Add x at plane i; 48 planes hold any sum of integer weights."""
    cdef word carry = splat(0)
    while i < 48:
        half_add(b[i], carry, x)
        x = carry
        i += 1


def fields(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    const double[::1] x, double[::1] h,
):
    """h_u = sum_v w_uv x_v."""
    cdef int64_t u, e
    cdef double total
    with nogil:
        for u in range(h.shape[0]):
            total = 0
            for e in range(indptr[u], indptr[u + 1]):
                total += weights[e] * x[indices[e]]
            h[u] = total


cdef inline bint accept(
    double gain, double T, const double* exponential, uint64_t* rng
) noexcept nogil:
    """Metropolis: -gain <= T E, E = -log r; 1023 of 1024 times without a logarithm."""
    cdef uint64_t q, i
    if gain >= 0:
        return True
    if -gain > 37 * T:  # E < 53 log 2
        return False
    q = next_u64(rng)
    i = q >> 54
    if -gain > T * exponential[i]:
        return False
    if -gain <= T * exponential[i + 1]:
        return True
    return gain >= T * log(<double>(q >> 11) * (1.0 / 9007199254740992.0))


def anneal_one(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    const double[::1] temperature, const double[::1] exponential, double[::1] x,
    double[::1] h, uint64_t[::1] rng,
):
    """One Metropolis sweep of one replica for each temperature.

    ``exponential[i]`` = -log(i / 1024), i = 0..1024.
    """
    cdef int64_t n = x.shape[0], sweep, u, v, e, begin, end
    cdef double change, T
    cdef double* field = &h[0]
    cdef const double* w = &weights[0]
    with nogil:
        for sweep in range(temperature.shape[0]):
            T = temperature[sweep]
            for u in range(n):
                if not accept(x[u] * field[u], T, &exponential[0], &rng[0]):
                    continue
                change = -2 * x[u]
                x[u] = -x[u]
                begin, end = indptr[u], indptr[u + 1]
                if end - begin == n - 1:  # a full row needs no indices
                    for v in range(u):
                        field[v] += change * w[begin + v]
                    for v in range(u + 1, n):
                        field[v] += change * w[begin + v - 1]
                else:
                    for e in range(begin, end):
                        field[indices[e]] += change * w[e]
