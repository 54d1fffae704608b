"""Ascent on F(W, b) in float64: number types here, arithmetic in _ascent.pxi."""
# `lanes` is a GNU vector of 4 doubles. Cython sees a double and passes + and * through.

cdef extern from *:
    """
    #include <math.h>
    #include <stdint.h>
    typedef double lanes __attribute__((vector_size(32), aligned(8), may_alias));
    #define splat(x) ((lanes){0} + (double)(x))
    /* Sums of four vectors' lanes: (0 + 1) + (2 + 3). */
    typedef int64_t selector __attribute__((vector_size(32)));
    #define PAIR(a, b) (__builtin_shuffle(a, b, (selector){0, 4, 2, 6}) \\
                      + __builtin_shuffle(a, b, (selector){1, 5, 3, 7}))
    #define HALF(a, b) (__builtin_shuffle(a, b, (selector){0, 1, 4, 5}) \\
                      + __builtin_shuffle(a, b, (selector){2, 3, 6, 7}))
    static inline lanes sum_group(const lanes *x) {
        lanes a = PAIR(x[0], x[1]), b = PAIR(x[2], x[3]);
        return HALF(a, b);
    }
    """
    ctypedef double lanes
    lanes splat(double x) nogil
    lanes sum_group(const lanes* x) nogil
    double sqrt_real "sqrt" (double x) nogil

ctypedef double real

cdef enum:
    LANES = 4

include "_ascent.pxi"
