# Rows of V, rank a multiple of 8: sums in 8 fixed lanes, the same bits on every build.


cdef inline double dot(const double* a, const double* b, int rank) noexcept nogil:
    cdef double s[8]
    cdef int i, j
    for j in range(8):
        s[j] = 0.0
    for i in range(0, rank, 8):
        for j in range(8):
            s[j] += a[i + j] * b[i + j]
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]))
