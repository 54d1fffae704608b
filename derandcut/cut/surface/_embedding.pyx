"""Walks on a rotation system: faces, homology, side propagation, lattice labels.

Half-edges: 2 e runs from u[e] to v[e], 2 e + 1 back; h ^ 1 is the reverse. `turn[h]`
is the next half-edge around the vertex h leaves. Every function is O(edges) but
`shortest_walk`, a Dijkstra bounded by its caller. int32 throughout.
"""
from libc.stdint cimport int32_t, int64_t

ctypedef int32_t i32
ctypedef int64_t i64


def trace_faces(const i32[::1] turn, i32[::1] face, i32[::1] order):
    """Write the face left of each half-edge, and the half-edges face by face.

    Returns the number of faces.
    """
    cdef i32 h, g, n_faces = 0
    cdef i64 done = 0, k = turn.shape[0]
    with nogil:
        for h in range(<i32>k):
            face[h] = -1
        for h in range(<i32>k):
            if face[h] >= 0:
                continue
            g = h
            while face[g] < 0:
                face[g] = n_faces
                order[done] = g
                done += 1
                g = turn[g ^ 1]
            n_faces += 1
    return n_faces


def propagate(const i64[::1] start, const i32[::1] leaving, const i32[::1] ends,
              const unsigned char[::1] across, signed char[::1] side,
              i32[::1] stack, unsigned char[::1] tree):
    """Set sides along a spanning forest so that its edges obey `across`.

    leaving[start[u]:start[u + 1]] are the half-edges out of u, ends[h] where h
    arrives. Marks the forest in `tree`. Returns (components, True if every edge obeys).
    """
    cdef i32 root, u, v, h, n = <i32>side.shape[0]
    cdef i64 i, depth
    cdef i32 components = 0
    cdef bint consistent = True
    with nogil:
        for u in range(n):
            side[u] = 0
        for root in range(n):
            if side[root]:
                continue
            components += 1
            side[root] = 1
            stack[0] = root
            depth = 1
            # breadth first (the stack is a queue of this component's vertices)
            i = 0
            while i < depth:
                u = stack[i]
                i += 1
                for h in range(<i32>start[u], <i32>start[u + 1]):
                    v = ends[leaving[h]]
                    if side[v] == 0:
                        side[v] = -side[u] if across[leaving[h] >> 1] else side[u]
                        tree[leaving[h] >> 1] = 1
                        stack[depth] = v
                        depth += 1
                    elif (side[v] != side[u]) != across[leaving[h] >> 1]:
                        consistent = False
    return components, bool(consistent)


def span(const i32[::1] place, const unsigned char[::1] usable, i32[::1] first,
         i32[::1] following, i32[::1] queue, i32[::1] entry, unsigned char[::1] used):
    """Spanning forest, breadth first, by the edges in `usable`.

    place[h] is the node a half-edge leaves (a vertex, or the face on its left when the
    dual is walked). entry[x] is the half-edge by which node x was reached, -1 at a
    root; `used` marks the edges of the forest.
    """
    cdef i32 k = <i32>place.shape[0], n = <i32>first.shape[0], h, x, y, r, i, depth
    with nogil:
        for x in range(n):
            first[x] = -1
            entry[x] = -2
        for h in range(k - 1, -1, -1):
            following[h] = first[place[h]]
            first[place[h]] = h
            used[h >> 1] = 0
        for r in range(n):
            if entry[r] != -2:
                continue
            entry[r] = -1
            queue[0] = r
            depth = 1
            i = 0
            while i < depth:
                x = queue[i]
                i += 1
                h = first[x]
                while h >= 0:
                    y = place[h ^ 1]
                    if usable[h >> 1] and entry[y] == -2:
                        entry[y] = h
                        used[h >> 1] = 1
                        queue[depth] = y
                        depth += 1
                    h = following[h]


def close_cycles(const i32[::1] place, const i32[::1] entry,
                 const i64[::1] generators, unsigned char[::1] bits):
    """Set bit i of every edge on the cycle generator i closes in a forest."""
    cdef i64 i
    cdef i32 x, h, e
    for i in range(generators.shape[0]):
        e = <i32>generators[i]
        bits[e] ^= 1 << i
        for h in (2 * e, 2 * e + 1):
            x = place[h]
            while entry[x] >= 0:
                bits[entry[x] >> 1] ^= 1 << i
                x = place[entry[x]]


def shortest_walk(const i64[::1] start, const i32[::1] leaving, const i32[::1] ends,
                  const unsigned char[::1] bits, const i64[::1] cost, i32 n_classes,
                  i32 target, i32 origin, i64 limit, i64[::1] distance,
                  i32[::1] arrived, i64[::1] key, i32[::1] place, i32[::1] touched):
    """Cheapest closed walk from `origin` of Z2-homology class `target`, below limit.

    States vertex * n_classes + class. distance must be 2^62 everywhere on entry and
    is so again on return. Returns (length, half-edges, states visited), or
    (limit, None, visited).
    """
    cdef i32 n_heap = 0, n_touched = 0, state, to, goal, u, k, h, i, j, up
    cdef i64 unseen = <i64>1 << 62
    cdef i64 p, d, nd, visited = 0
    cdef bint found = False
    goal = origin * n_classes + target
    state = origin * n_classes
    with nogil:
        distance[state] = 0
        touched[0] = state
        n_touched = 1
        key[0] = 0
        place[0] = state
        n_heap = 1
        while n_heap:
            d = key[0]
            state = place[0]
            n_heap -= 1
            nd = key[n_heap]
            to = place[n_heap]
            i = 0
            while True:
                j = 2 * i + 1
                if j >= n_heap:
                    break
                if j + 1 < n_heap and key[j + 1] < key[j]:
                    j += 1
                if key[j] >= nd:
                    break
                key[i] = key[j]
                place[i] = place[j]
                i = j
            key[i] = nd
            place[i] = to
            if d > distance[state]:
                continue
            if state == goal:
                found = True
                break
            u = state // n_classes
            k = state % n_classes
            visited += start[u + 1] - start[u]
            for p in range(start[u], start[u + 1]):
                h = leaving[p]
                nd = d + cost[h >> 1]
                to = ends[h] * n_classes + (k ^ bits[h >> 1])
                if nd >= limit or nd >= distance[to]:
                    continue
                if distance[to] == unseen:
                    touched[n_touched] = to
                    n_touched += 1
                distance[to] = nd
                arrived[to] = h
                i = n_heap
                n_heap += 1
                while i:
                    up = (i - 1) >> 1
                    if key[up] <= nd:
                        break
                    key[i] = key[up]
                    place[i] = place[up]
                    i = up
                key[i] = nd
                place[i] = to
    walk = None
    if found:
        limit = distance[goal]
        walk = []
        state = goal
        while state != origin * n_classes:
            h = arrived[state]
            walk.append(h)
            state = ends[h ^ 1] * n_classes + ((state % n_classes) ^ bits[h >> 1])
    for i in range(n_touched):
        distance[touched[i]] = unseen
    return limit, walk, visited


cdef inline i32 corner(const i32* near, i32 v, i32 a, i32 b) noexcept nogil:
    """The one common neighbour of a and b besides v, -1 if it is not unique."""
    cdef i32 i, j, found = -1
    for i in range(4):
        if near[4 * a + i] == v:
            continue
        for j in range(4):
            if near[4 * a + i] == near[4 * b + j]:
                if found >= 0:
                    return -1
                found = near[4 * a + i]
    return found


cdef bint spread(const i32* near, i32* out, i32* queue, i32 n) noexcept nogil:
    """Label every vertex from the first queued one; True if all of it fits."""
    cdef i32 i = 0, depth = 1, u, d, v, a, b, c, k
    cdef i32[4] label
    while i < depth:
        u = queue[i]
        i += 1
        for d in range(4):
            v = out[4 * u + d]
            # seen from v, u lies in direction d + 2; the corners give d +- 1
            a = corner(near, u, v, out[4 * u + (d + 1) % 4])
            b = corner(near, u, v, out[4 * u + (d + 3) % 4])
            if a < 0 or b < 0 or a == b:
                return False
            c = -1
            for k in range(4):
                if near[4 * v + k] not in (u, a, b):
                    c = near[4 * v + k]
            if c < 0:
                return False
            label[(d + 2) % 4] = u
            label[(d + 1) % 4] = a
            label[(d + 3) % 4] = b
            label[d] = c
            if out[4 * v] < 0:
                for k in range(4):
                    out[4 * v + k] = label[k]
                queue[depth] = v
                depth += 1
            else:
                for k in range(4):
                    if out[4 * v + k] != label[k]:
                        return False
    return depth == n


def square_lattice(const i32[:, ::1] neighbours, i32[:, ::1] around, i32[::1] queue):
    """Order the neighbours of every vertex as east, north, west, south.

    around[root] holds the guess at the first queued vertex, queue[0]; other rows are
    -1 on entry. In a toroidal square lattice the east and the north neighbour of a
    vertex have two common neighbours, that vertex and the opposite corner of the face,
    so the guess decides everything. Returns True if all of it fits.
    """
    cdef bint fits
    with nogil:
        fits = spread(
            &neighbours[0, 0], &around[0, 0], &queue[0], <i32>neighbours.shape[0]
        )
    return bool(fits)
