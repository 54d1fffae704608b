# Kernels of the upper bound (docs/method): a minimum degree ordering with its exact
# symbolic factorisation, the multifrontal Cholesky factorisation of Diag(s) + W/4, its
# triangular solves, and the packing of edge-disjoint frustrated cycles.
#
# Reads   the symmetric CSR arrays, s.
# Writes  the arrays named in each head; workspaces come from Python, none is allocated.
# Keeps   a front is a dense column-major lower triangle: its pivots, then its rows.
#         Chunks of its rows are worked on together, see _team.pxd; the order of the
#         operations on an entry, so its bits, do not depend on the threads.
from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int32_t, int64_t

from derandcut._core._team cimport (
    PARAMETERS, team_await, team_dissolve, team_done, team_open, team_settle,
    team_take,
)
from derandcut._core._types cimport index_t

cdef extern from *:
    """
    typedef double vec __attribute__((vector_size(32), aligned(8), may_alias));

    /* out (4 columns of 8 rows) = sum_k a_k b_k', in the order of k; b_k: every 8th. */
    static inline void tile_product(long depth, const double *a, const double *b,
                                    double *out) {
        vec c[4][2] = {{{0}}};
        for (long k = 0; k < depth; k++, a += 8, b += 8) {
            vec low = *(const vec *)a, high = *(const vec *)(a + 4);
            for (int j = 0; j < 4; j++) {
                vec x = {b[j], b[j], b[j], b[j]};
                c[j][0] += low * x;
                c[j][1] += high * x;
            }
        }
        for (int j = 0; j < 4; j++) {
            *(vec *)(out + 8 * j) = c[j][0];
            *(vec *)(out + 8 * j + 4) = c[j][1];
        }
    }

    /* x <- x L^-T for 8 rows x; x and the lower triangle L in tiles of 8 rows. */
    static inline void tile_solve(long depth, double *x, const double *L) {
        double out[32];
        for (long k = 0; k < depth; k += 4) {
            const double *rows = L + k / 8 * 8 * depth + k % 8;
            long columns = depth - k < 4 ? depth - k : 4;
            tile_product(k, x, rows, out);
            for (long c = 0; c < columns; c++) {
                vec low = *(vec *)(x + 8 * (k + c)) - *(vec *)(out + 8 * c);
                vec high = *(vec *)(x + 8 * (k + c) + 4) - *(vec *)(out + 8 * c + 4);
                for (long d = k; d < k + c; d++) {
                    double l = rows[8 * d + c];
                    vec y = {l, l, l, l};
                    low -= *(vec *)(x + 8 * d) * y;
                    high -= *(vec *)(x + 8 * d + 4) * y;
                }
                double l = rows[8 * (k + c) + c];
                vec y = {l, l, l, l};
                *(vec *)(x + 8 * (k + c)) = low / y;
                *(vec *)(x + 8 * (k + c) + 4) = high / y;
            }
        }
    }
    """
    void tile_product(long depth, const double* a, const double* b, double* out) nogil
    void tile_solve(long depth, double* x, const double* L) nogil
    void fetch "__builtin_prefetch"(const void* address) nogil

cdef enum:
    TRAFFIC = 32     # multiply-adds that cost as much as a number written once
    BLOCK = 128      # columns factored before they update the rest of a front
    CHUNK = 64       # rows of a ticket, a multiple of 8
    ALONE = 1 << 17  # multiply-adds that the leader does faster alone


# ---------------------------------------------------------------- minimum degree


cdef inline void unlink(
    int32_t i, int32_t* head, int32_t* after, int32_t* before, const int32_t* degree
) noexcept nogil:
    if before[i] >= 0:
        after[before[i]] = after[i]
    else:
        head[degree[i]] = after[i]
    if after[i] >= 0:
        before[after[i]] = before[i]


cdef inline void link(
    int32_t i, int32_t* head, int32_t* after, int32_t* before, const int32_t* degree
) noexcept nogil:
    cdef int32_t first = head[degree[i]]
    after[i] = first
    before[i] = -1
    if first >= 0:
        before[first] = i
    head[degree[i]] = i


def minimum_degree(
    const int64_t[::1] indptr,       # (n + 1,)
    int32_t[::1] lists,              # (2 m,) a copy of the neighbours, overwritten
    int32_t[::1] arena,              # (2 m + 2 n + 1,) variables of the live elements
    int32_t[:, ::1] work,            # (14, n + 1)
    int64_t[:, ::1] where,           # (2, n) begin of an element's list; scratch stamps
    int64_t[:, ::1] fronts,          # (n, 3) pivots, rows, offset into `members`
    int32_t[::1] parent,             # (n,) the front that absorbs this one, -1: a root
    int32_t[::1] members,            # pivots, then rows, of every front
    double flop_limit,
    int64_t step_limit,
):
    """Order by approximate minimum degree on the quotient graph.

    An eliminated vertex becomes an element, the clique of its neighbours; elements
    inside a new one are absorbed by it, and vertices with equal lists are merged
    (Amestoy, Davis and Duff 1996). Returns (fronts, multiply-adds, steps), fronts = -1
    when a limit was exceeded, -2 when `members` was too short.
    """
    cdef int64_t n = indptr.shape[0] - 1, left = n, steps = 0, top = 0, room = 0
    cdef int64_t stamp = 1, base, e, begin, a, live, q, elements = 0, h, size
    cdef int32_t i, j, p, v, front = 0, found, kept_e, kept_v, pivots, rows, lowest = 0
    cdef int32_t weight, k, total, absorbed
    cdef int32_t* head = &work[0, 0]
    cdef int32_t* after = &work[1, 0]
    cdef int32_t* before = &work[2, 0]
    cdef int32_t* degree = &work[3, 0]
    cdef int32_t* nv = &work[4, 0]         # vertices in a variable, 0: gone
    cdef int32_t* n_elements = &work[5, 0]  # elements in the list of a variable
    cdef int32_t* length = &work[6, 0]     # of the list of a variable; of an element
    cdef int32_t* size_of = &work[7, 0]    # vertices of a live element, -1: not live
    cdef int32_t* chain = &work[8, 0]      # next vertex inside a variable
    cdef int32_t* last = &work[9, 0]       # last vertex inside a variable
    cdef int32_t* creation = &work[10, 0]  # live elements by place in the arena
    cdef int32_t* front_of = &work[11, 0]
    cdef int32_t* bucket = &work[12, 0]    # by hash; then scratch
    cdef int32_t* scratch = &work[13, 0]
    cdef int64_t* start = &where[0, 0]
    cdef int64_t* mark = &where[1, 0]
    cdef double flops = 0.0, d, outside
    with nogil:
        for i in range(n):
            head[i] = -1
            bucket[i] = -1
            mark[i] = 0
            start[i] = 0
            size_of[i] = -1
            nv[i] = 1
            n_elements[i] = 0
            length[i] = <int32_t>(indptr[i + 1] - indptr[i])
            degree[i] = length[i]
            chain[i] = -1
            last[i] = i
        head[n] = -1
        for i in range(n):
            link(i, head, after, before, degree)
        while left > 0:
            while head[lowest] < 0:
                lowest += 1
            p = head[lowest]
            unlink(p, head, after, before, degree)
            # The graph left has about left d / 2 edges; elimination packs them ever
            # more densely, up to a last clique of about sqrt(left d) vertices.
            d = <double>left * lowest
            if flops + d * sqrt(d) / 6.0 > flop_limit or steps > step_limit:
                front = -1
                break
            # Room for the new element: its list is at most the lists it replaces.
            begin = indptr[p]
            size = length[p]
            for q in range(begin, begin + n_elements[p]):
                size += length[lists[q]]
            if top + size > arena.shape[0]:
                top = 0
                live = 0
                for q in range(elements):
                    v = creation[q]
                    if size_of[v] >= 0:
                        a = top
                        for e in range(start[v], start[v] + length[v]):
                            if nv[arena[e]] > 0:
                                arena[top] = arena[e]
                                top += 1
                        start[v] = a
                        length[v] = <int32_t>(top - a)
                        creation[live] = v
                        live += 1
                elements = live
                steps += top
            # The element L_p: everything p, or an element of p, touches.
            stamp += 1
            mark[p] = stamp
            a = top
            for q in range(begin, begin + n_elements[p]):
                v = lists[q]
                if size_of[v] < 0:
                    continue
                for e in range(start[v], start[v] + length[v]):
                    i = arena[e]
                    if nv[i] > 0 and mark[i] != stamp:
                        mark[i] = stamp
                        arena[top] = i
                        top += 1
                steps += length[v]
                size_of[v] = -1
                parent[front_of[v]] = front
            for q in range(begin + n_elements[p], begin + length[p]):
                i = lists[q]
                if nv[i] > 0 and mark[i] != stamp:
                    mark[i] = stamp
                    arena[top] = i
                    top += 1
            found = <int32_t>(top - a)
            total = 0
            for e in range(a, top):
                i = arena[e]
                unlink(i, head, after, before, degree)
                total += nv[i]
            pivots = nv[p]
            left -= nv[p]
            nv[p] = 0
            # mark[e] - base = |L_e \ L_p| for the elements e next to L_p. Elements and
            # live variables never share a number, so one array serves both.
            base = stamp
            for e in range(a, top):
                i = arena[e]
                for q in range(indptr[i], indptr[i] + n_elements[i]):
                    v = lists[q]
                    if size_of[v] >= 0:
                        if mark[v] < base:
                            mark[v] = base + size_of[v]
                        mark[v] -= nv[i]
                steps += length[i]
            # New lists, degrees, mass elimination, hashes.
            front_of[p] = front
            start[p] = a
            for e in range(a, top):
                i = arena[e]
                begin = indptr[i]
                kept_e = 0
                kept_v = 0
                d = 0
                h = p
                for q in range(begin, begin + n_elements[i]):
                    v = lists[q]
                    if size_of[v] < 0:
                        continue
                    if mark[v] == base:
                        size_of[v] = -1          # L_v lies in L_p: absorb it
                        parent[front_of[v]] = front
                        continue
                    d += <double>(mark[v] - base)
                    h += v
                    lists[begin + kept_e] = v
                    kept_e += 1
                for q in range(begin + n_elements[i], begin + length[i]):
                    v = lists[q]
                    if nv[v] > 0 and mark[v] != stamp:
                        scratch[kept_v] = v
                        kept_v += 1
                        d += nv[v]
                        h += v
                if kept_e + kept_v == 0:
                    # Nothing outside the clique: eliminated together with p.
                    chain[last[p]] = i
                    last[p] = last[i]
                    pivots += nv[i]
                    total -= nv[i]
                    left -= nv[i]
                    nv[i] = 0
                    continue
                lists[begin + kept_e] = p
                n_elements[i] = kept_e + 1
                for k in range(kept_v):
                    lists[begin + kept_e + 1 + k] = scratch[k]
                length[i] = kept_e + 1 + kept_v
                outside = d
                if degree[i] < outside:
                    outside = degree[i]
                degree[i] = <int32_t>outside     # completed with |L_p \ i| below
                after[i] = <int32_t>(h % n)
            # Merge variables with equal lists.
            stamp = base + n + 1
            for e in range(a, top):
                i = arena[e]
                if nv[i] == 0:
                    continue
                h = after[i]
                before[i] = bucket[h]
                bucket[h] = i
            for e in range(a, top):
                i = arena[e]
                if nv[i] == 0 or bucket[after[i]] < 0:
                    continue
                h = after[i]
                i = bucket[h]
                bucket[h] = -1
                while i >= 0 and before[i] >= 0:
                    stamp += 1
                    begin = indptr[i]
                    for q in range(begin, begin + length[i]):
                        mark[lists[q]] = stamp
                    steps += length[i]
                    k = i                        # the last one kept in this chain
                    j = before[i]
                    while j >= 0:
                        absorbed = (
                            length[j] == length[i] and n_elements[j] == n_elements[i]
                        )
                        if absorbed:
                            for q in range(indptr[j], indptr[j] + length[j]):
                                if mark[lists[q]] != stamp:
                                    absorbed = 0
                                    break
                        if absorbed:
                            nv[i] += nv[j]
                            nv[j] = 0
                            chain[last[i]] = j
                            last[i] = last[j]
                            before[k] = before[j]
                        else:
                            k = j
                        j = before[k]
                    i = before[i]
            stamp += 1
            # Write the front; keep the survivors of L_p.
            fronts[front, 0] = pivots
            fronts[front, 1] = total
            fronts[front, 2] = room
            if room + pivots + total > members.shape[0]:
                front = -2
                break
            v = p
            while v >= 0:
                members[room] = v
                room += 1
                v = chain[v]
            top = a
            for e in range(a, a + found):
                i = arena[e]
                if nv[i] == 0:
                    continue
                arena[top] = i
                top += 1
                v = i
                while v >= 0:
                    members[room] = v
                    room += 1
                    v = chain[v]
                d = <double>degree[i] + total - nv[i]
                if d > left - nv[i]:
                    d = <double>(left - nv[i])
                degree[i] = <int32_t>d
                if degree[i] < lowest:
                    lowest = degree[i]
                link(i, head, after, before, degree)
            steps += pivots + total
            length[p] = <int32_t>(top - a)
            parent[front] = -1
            if top > a:
                size_of[p] = total
                creation[elements] = p
                elements += 1
            for k in range(pivots):
                d = pivots + total - k
                flops += d * d / 2.0
            front += 1
    return front, flops, steps


# ------------------------------------------------------------------- factorisation


cdef struct Phase:      # at PARAMETERS of the board
    int64_t kind        # 0: solve for the rows below, 1: update the rest
    int64_t last        # ticket of the first chunk; the largest chunk comes first
    int64_t ld, first, stop


cdef inline int factor_corner(
    double* F, int64_t ld, int64_t first, int64_t stop
) noexcept nogil:
    """The triangle of the columns first..stop-1; 1 if a pivot is not positive."""
    cdef int64_t i, j, k
    cdef double x
    cdef double* a
    cdef double* b
    for k in range(first, stop):
        a = F + k * ld
        x = a[k]
        if not x > 0.0:
            return 1
        x = sqrt(x)
        a[k] = x
        for i in range(k + 1, stop):
            a[i] /= x
        for j in range(k + 1, stop):
            x = a[j]
            if x != 0.0:
                b = F + j * ld
                for i in range(j, stop):
                    b[i] -= x * a[i]
    return 0


cdef inline void pack_rows(
    const double* F, int64_t ld, int64_t first, int64_t depth, int64_t row,
    int64_t lanes, double* tile,
) noexcept nogil:
    """Rows row..row+lanes-1 of the columns first..first+depth-1 as a tile of 8."""
    cdef int64_t k, t
    cdef const double* a = F + row + first * ld
    for k in range(depth):
        if lanes == 8:
            for t in range(8):
                tile[8 * k + t] = a[t]
        else:
            for t in range(lanes):
                tile[8 * k + t] = a[t]
            for t in range(lanes, 8):
                tile[8 * k + t] = 0.0
        a += ld


cdef void work_on(
    const Phase* phase, double* F, double* corner, double* pack, int64_t chunk
) noexcept nogil:
    """CHUNK rows below the corner: L21 = F21 L11^-T, or F22 -= L21 L21'.

    `corner` and `pack` are L11 and L21 in tiles.
    """
    cdef int64_t ld = phase.ld, first = phase.first, stop = phase.stop
    cdef int64_t depth = stop - first, rest = ld - stop, i, j, k, t, lanes, columns
    cdef int64_t begin = chunk * CHUNK, end = min(rest, begin + CHUNK)
    cdef double* tile
    cdef double* a
    cdef double out[32]
    if phase.kind == 0:
        for i in range(begin, end, 8):
            lanes = min(8, rest - i)
            tile = pack + i * depth
            pack_rows(F, ld, first, depth, stop + i, lanes, tile)
            tile_solve(depth, tile, corner)
            for k in range(depth):
                a = F + stop + i + (first + k) * ld
                for t in range(lanes):
                    a[t] = tile[8 * k + t]
        return
    for j in range(0, end, 4):
        columns = min(4, rest - j)
        for i in range(max(begin, j // 8 * 8), end, 8):
            tile_product(
                depth, pack + i * depth, pack + j // 8 * 8 * depth + j % 8, out
            )
            lanes = min(8, rest - i)
            for k in range(columns):
                a = F + stop + i + (stop + j + k) * ld
                if lanes == 8:
                    for t in range(8):
                        a[t] -= out[8 * k + t]
                else:
                    for t in range(lanes):
                        a[t] -= out[8 * k + t]


cdef void together(
    Phase* phase, double* F, double* corner, double* pack, int64_t kind, int64_t flops,
    int64_t* board,
) noexcept nogil:
    """Every chunk of a phase; the others join in where it pays."""
    cdef int64_t count = (phase.ld - phase.stop + CHUNK - 1) // CHUNK, t
    phase.kind = kind
    if flops < ALONE:
        for t in range(count):
            work_on(phase, F, corner, pack, t)
        return
    phase.last = team_open(board, 0) + count - 1
    team_open(board, count)
    while True:
        t = team_take(board)
        if t < 0:
            break
        work_on(phase, F, corner, pack, phase.last - t)
        team_done(board)
    team_settle(board)


cdef int lead(
    int64_t n_fronts, const int64_t* indptr, const index_t* indices,
    const double* weights, const double* s, const int64_t* fronts,
    const int32_t* children, const int32_t* members, const int32_t* position,
    int64_t* local, int32_t* related, double* F, double* corner, double* pack,
    double* stack, int64_t* pending, double* L, int64_t* state, int64_t work,
    int64_t* board,
) noexcept nogil:
    """Front by front, block column by block column, until `work` is done."""
    cdef int64_t f, g, i, j, r, c, e, u, v, child, begin, p, q, ld, first, stop, depth
    cdef Phase* phase = <Phase*>(board + PARAMETERS)
    cdef double* update
    cdef double* column
    while state[0] < n_fronts:
        f = state[0]
        p = fronts[3 * f]
        q = fronts[3 * f + 1]
        begin = fronts[3 * f + 2]
        ld = p + q
        if state[1] < 0:
            for j in range(ld):
                for i in range(j, ld):
                    F[i + j * ld] = 0.0
                local[members[begin + j]] = j
            for j in range(p):
                u = members[begin + j]
                F[j + j * ld] = s[u]
                for e in range(indptr[u], indptr[u + 1]):
                    v = indices[e]
                    if position[v] > position[u]:
                        F[local[v] + j * ld] = 0.25 * weights[e]
            for child in range(children[f]):
                state[4] -= 1
                g = pending[2 * state[4]]
                state[3] = pending[2 * state[4] + 1]
                update = stack + state[3]
                r = fronts[3 * g + 1]
                c = fronts[3 * g + 2] + fronts[3 * g]
                for j in range(r):
                    related[j] = <int32_t>local[members[c + j]]
                for j in range(r):
                    u = related[j]
                    column = F + u * ld
                    for i in range(j, r):
                        v = related[i]
                        if v >= u:
                            column[v] += update[i + j * r]
                        else:
                            F[u + v * ld] += update[i + j * r]
            state[1] = 0
            work -= TRAFFIC * ld * ld
        while state[1] < p:
            if work <= 0:
                return 2
            first = state[1]
            stop = min(p, first + BLOCK)
            depth = stop - first
            if factor_corner(F, ld, first, stop):
                return 1
            phase.ld = ld
            phase.first = first
            phase.stop = stop
            if stop < ld:
                for i in range(0, depth, 8):
                    pack_rows(F, ld, first, depth, first + i, min(8, depth - i),
                              corner + i * depth)
                together(phase, F, corner, pack, 0,
                         (ld - stop) * depth * depth // 2, board)
                together(phase, F, corner, pack, 1,
                         (ld - stop) * (ld - stop) * depth // 2, board)
            work -= (ld - first) * (ld - first) * depth // 2
            state[1] = stop
        for j in range(p):
            for i in range(j, ld):
                L[state[2] + i + j * ld] = F[i + j * ld]
        state[2] += p * ld
        if q > 0:
            update = stack + state[3]
            for j in range(q):
                for i in range(j, q):
                    update[i + j * q] = F[p + i + (p + j) * ld]
            pending[2 * state[4]] = f
            pending[2 * state[4] + 1] = state[3]
            state[4] += 1
            state[3] += q * q
            work -= TRAFFIC * q * q
        state[0] += 1
        state[1] = -1
    return 0


def factor(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    const double[::1] s,             # (n,) the diagonal
    const int64_t[:, ::1] fronts,    # (k, 3) pivots, rows, offset; children first
    const int32_t[::1] children,     # (k,) how many fronts each one absorbs
    const int32_t[::1] members, const int32_t[::1] position,
    int64_t[::1] local,              # (n,) scratch
    int32_t[::1] related,            # scratch, the largest front
    double[::1] dense,               # scratch, the largest front squared
    double[::1] pack,                # scratch, (largest front + 136) * 128
    double[::1] stack,               # scratch, update matrices waiting for a parent
    int64_t[:, ::1] pending,         # (k + 1, 2) front and place of each of them
    double[::1] L,                   # panels (pivots + rows) x pivots, front by front
    int64_t[::1] state,              # (5,) front, column, ends of L, stack, pending
    int64_t work,                    # multiply-adds of this slice
    int64_t[::1] board,
):
    """Factor Diag(s) + W/4 = C C'.

    Returns 0, 1 if a pivot is not positive, or 2 if there is more to do after this
    slice. The state begins as (0, -1, 0, 0, 0); column -1: not assembled yet.
    """
    cdef int answer
    with nogil:
        answer = lead(
            fronts.shape[0], &indptr[0], &indices[0], &weights[0], &s[0],
            &fronts[0, 0], &children[0], &members[0], &position[0], &local[0],
            &related[0], &dense[0], &pack[0], &pack[BLOCK * BLOCK], &stack[0],
            &pending[0, 0], &L[0], &state[0], work, &board[0],
        )
        team_dissolve(&board[0])
    return answer


def help_factor(
    const int64_t[::1] indptr, const index_t[::1] indices, const double[::1] weights,
    const double[::1] s, const int64_t[:, ::1] fronts, const int32_t[::1] children,
    const int32_t[::1] members, const int32_t[::1] position, int64_t[::1] local,
    int32_t[::1] related, double[::1] dense, double[::1] pack, double[::1] stack,
    int64_t[:, ::1] pending, double[::1] L, int64_t[::1] state, int64_t work,
    int64_t[::1] board,
):
    """Work on chunks for `factor`."""
    cdef int64_t t
    cdef const Phase* phase = <const Phase*>&board[PARAMETERS]
    with nogil:
        t = team_await(&board[0])
        while t >= 0:
            work_on(phase, &dense[0], &pack[0], &pack[BLOCK * BLOCK], phase.last - t)
            team_done(&board[0])
            t = team_await(&board[0])


cdef inline double inner(const double* a, const double* b, int64_t n) noexcept nogil:
    cdef double s[8]
    cdef int64_t i
    cdef int j
    cdef double total = 0.0
    for j in range(8):
        s[j] = 0.0
    for i in range(0, n - 7, 8):
        for j in range(8):
            s[j] += a[i + j] * b[i + j]
    for i in range(n // 8 * 8, n):
        total += a[i] * b[i]
    return total + (((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7])))


def solve(
    const int64_t[:, ::1] fronts, const int32_t[::1] members, const double[::1] L,
    double[::1] x, double[::1] dense,
):
    """x <- (C C')^-1 x, in place."""
    cdef int64_t n_fronts = fronts.shape[0], f, at = 0, p, q, ld, i, k
    cdef double y
    cdef double* b = &dense[0]
    cdef const int32_t* m
    cdef const double* C
    with nogil:
        for f in range(n_fronts):
            p = fronts[f, 0]
            ld = p + fronts[f, 1]
            m = &members[fronts[f, 2]]
            C = &L[at]
            for i in range(ld):
                b[i] = x[m[i]]
            for k in range(p):
                b[k] /= C[k + k * ld]
                y = b[k]
                for i in range(k + 1, ld):
                    b[i] -= y * C[i + k * ld]
            for i in range(ld):
                x[m[i]] = b[i]
            at += p * ld
        for f in range(n_fronts - 1, -1, -1):
            p = fronts[f, 0]
            ld = p + fronts[f, 1]
            at -= p * ld
            m = &members[fronts[f, 2]]
            C = &L[at]
            for i in range(ld):
                b[i] = x[m[i]]
            for k in range(p - 1, -1, -1):
                b[k] = (b[k] - inner(C + k * ld + k + 1, b + k + 1, ld - k - 1)) / (
                    C[k + k * ld]
                )
            for i in range(p):
                x[m[i]] = b[i]


# ----------------------------------------------------------------- odd cycles


cdef inline double along(
    int64_t u, int64_t v, int64_t closing, double take, const int64_t* twin,
    double* residual, const int64_t* entry, const int32_t* node,
) noexcept nogil:
    """Take from the edges of the cycle u .. ancestor .. v, closing; the least left."""
    cdef double least = INFINITY, left
    cdef int64_t e = closing
    while True:
        left = fabs(residual[e]) - take
        least = min(least, left)
        residual[e] = left if residual[e] > 0.0 else -left
        residual[twin[e]] = residual[e]
        if u == v:
            return least
        if node[4 * u + 2] >= node[4 * v + 2]:
            e = entry[u]
            u = node[4 * u + 1]
        else:
            e = entry[v]
            v = node[4 * v + 1]


cdef inline int64_t write(
    int64_t u, int64_t v, int64_t closing, const double* residual,
    const int64_t* entry, const int32_t* node, int32_t* pairs, int64_t at,
) noexcept nogil:
    """Write the edges of the cycle u .. ancestor .. v, closing; where they end."""
    cdef int64_t e = closing, a = u, b = v
    while True:
        pairs[3 * at] = <int32_t>a
        pairs[3 * at + 1] = <int32_t>b
        pairs[3 * at + 2] = residual[e] > 0.0
        at += 1
        if u == v:
            return at
        if node[4 * u + 2] >= node[4 * v + 2]:
            e = entry[u]
            a = u
            u = b = node[4 * u + 1]
        else:
            e = entry[v]
            a = v
            v = b = node[4 * v + 1]


cdef inline void drop_spent(
    int64_t begin, int64_t* stop, index_t* indices, int64_t* twin, double* residual
) noexcept nogil:
    """Overwrite the spent entries of a row by its last live ones, and shorten it.

    Only live entries move: the twin of a spent one may already have been overwritten.
    """
    cdef int64_t e = begin, last
    while e < stop[0]:
        last = stop[0] - 1
        if residual[last] == 0.0:
            stop[0] = last
        elif residual[e] == 0.0:
            indices[e] = indices[last]
            residual[e] = residual[last]
            twin[e] = twin[last]
            twin[twin[e]] = e
            stop[0] = last
        else:
            e += 1


def pack_cycles(
    const int64_t[::1] indptr,
    int64_t[::1] stop,               # (n,) end of the part of a row that is left
    index_t[::1] indices,            # (2 m,) reordered within rows
    int64_t[::1] twin,               # (2 m,) place of the same edge in the other row
    double[::1] residual,            # (2 m,) what is left of w_uv, with its sign
    int64_t[::1] entry,              # (n,) place of the edge that reached a vertex
    int32_t[:, ::1] node,            # (n, 4) search, parent, depth, side
    int32_t[::1] queue,              # (n,)
    int64_t[::1] state,              # root, searches, cycles: kept between slices
    int depth_limit, double level, int64_t work,
    int32_t[:, ::1] pairs,           # (room, 3) out: ends of the cycles' edges, w > 0
    int64_t[::1] ends,               # (k,) out: where each cycle ends in `pairs`
    double[::1] taken,               # (k,) out: the weight taken from it
):
    """Pack frustrated cycles of at most 2 depth_limit + 1 edges, from state[0] on.

    Edges of a residual below `level` take no part.

    The cycles of this slice are written out, state[3] of them, if there is room for any
    at all; a slice ends before the room does.

    Breadth first from each root, sides alternating along positive edges; the first edge
    that contradicts the sides closes a cycle through the tree. A cut loses at least the
    smallest residual of the cycle, which is taken from all of its edges.
    Returns (weight packed, edges visited).
    """
    cdef int64_t n = indptr.shape[0] - 1, visited = 0, root = state[0]
    cdef int64_t begin, end, e, u, v, closing
    cdef int32_t search = <int32_t>state[1], s
    cdef int32_t* x
    cdef int32_t* a
    cdef double packed = 0.0, least, r
    cdef int64_t room = pairs.shape[0], written = 0, listed = 0, places = ends.shape[0]
    with nogil:
        while root < n and visited < work:
            if room > 0 and (written + 2 * depth_limit + 1 > room or listed == places):
                break
            search += 1
            x = &node[root, 0]
            x[0] = search
            x[1] = -1
            x[2] = 0
            x[3] = 0
            queue[0] = <int32_t>root
            begin = 0
            end = 1
            closing = -1
            while begin < end and closing < 0:
                # The walk is bound by memory: ask early for what comes next.
                if begin + 6 < end:
                    e = indptr[queue[begin + 6]]
                    fetch(&indices[e])
                    fetch(&residual[e])
                if begin + 2 < end:
                    u = queue[begin + 2]
                    for e in range(indptr[u], stop[u]):
                        fetch(&node[indices[e], 0])
                u = queue[begin]
                begin += 1
                a = &node[u, 0]
                for e in range(indptr[u], stop[u]):
                    r = residual[e]
                    v = indices[e]
                    if v == a[1] or -level < r < level:
                        continue
                    s = a[3] ^ (r > 0.0)
                    x = &node[v, 0]
                    if x[0] != search:
                        if a[2] < depth_limit:
                            x[0] = search
                            x[1] = <int32_t>u
                            x[2] = a[2] + 1
                            x[3] = s
                            entry[v] = e
                            queue[end] = <int32_t>v
                            end += 1
                    elif x[3] != s:
                        closing = e
                        break
                visited += stop[u] - indptr[u]
            if closing < 0:
                root += 1
                continue
            v = indices[closing]
            least = along(u, v, closing, 0.0, &twin[0], &residual[0], &entry[0],
                          &node[0, 0])
            if room > 0:
                written = write(u, v, closing, &residual[0], &entry[0], &node[0, 0],
                                &pairs[0, 0], written)
                ends[listed] = written
                taken[listed] = least
                listed += 1
            along(u, v, closing, least, &twin[0], &residual[0], &entry[0], &node[0, 0])
            packed += least
            state[2] += 1
            # Spent edges have both ends on the cycle.
            while True:
                drop_spent(indptr[u], &stop[u], &indices[0], &twin[0], &residual[0])
                if u == v:
                    break
                if node[u, 2] >= node[v, 2]:
                    u = node[u, 1]
                else:
                    drop_spent(indptr[v], &stop[v], &indices[0], &twin[0], &residual[0])
                    v = node[v, 1]
    state[0] = root
    state[1] = search
    state[3] = listed
    return packed, visited
