"""Ascent on F(W, b) in float32: number types here, arithmetic in _ascent.pxi."""
# `lanes` is a GNU vector of 8 floats. Cython sees a float and passes + and * through.

cdef extern from *:
    """
    #include <math.h>
    #include <stdint.h>
    typedef float lanes __attribute__((vector_size(32), aligned(4), may_alias));
    #define splat(x) ((lanes){0} + (float)(x))
    /* Sums of eight vectors' lanes: ((0 + 2) + (1 + 3)) + ((4 + 6) + (5 + 7)). */
    typedef int32_t selector __attribute__((vector_size(32)));
    #define PAIR(a, b) (__builtin_shuffle(a, b, (selector){0, 8, 1, 9, 4, 12, 5, 13}) \\
                      + __builtin_shuffle(a, b, (selector){2, 10, 3, 11, 6, 14, 7, 15}))
    #define QUAD(a, b) (__builtin_shuffle(a, b, (selector){0, 1, 8, 9, 4, 5, 12, 13}) \\
                      + __builtin_shuffle(a, b, (selector){2, 3, 10, 11, 6, 7, 14, 15}))
    #define HALF(a, b) (__builtin_shuffle(a, b, (selector){0, 1, 2, 3, 8, 9, 10, 11}) \\
                      + __builtin_shuffle(a, b, (selector){4, 5, 6, 7, 12, 13, 14, 15}))
    static inline lanes sum_group(const lanes *x) {
        lanes a = PAIR(x[0], x[1]), b = PAIR(x[2], x[3]);
        lanes c = PAIR(x[4], x[5]), d = PAIR(x[6], x[7]);
        a = QUAD(a, b);
        c = QUAD(c, d);
        return HALF(a, c);
    }
    """
    ctypedef float lanes
    lanes splat(float x) nogil
    lanes sum_group(const lanes* x) nogil
    float sqrt_real "sqrtf" (float x) nogil

ctypedef float real

cdef enum:
    LANES = 8

include "_ascent.pxi"
