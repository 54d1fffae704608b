# exp, erf, erfc, Phi and Phi2 as branch-free arithmetic, so that a loop around them
# vectorises without fast-math and returns the same bits on every instruction set.
#
# Coefficients. Each polynomial interpolates its function at the Chebyshev nodes of the
# interval given (near-minimax), computed with 40 digits, expanded in monomials and
# rounded. The rational erf for float minimises the largest relative error over
# a + b + 1 = 11 coefficients by reweighted linear least squares (Lawson's weights,
# denominator of the last round as weight).
#     e^r            1 + r + r^2 P(r), |r| <= ln(2)/2, degree 9 (double), 4 (float)
#     erf, double    x P(x^2), x^2 <= 1, degree 12; beyond that 1 - erfc
#     erfc, double   e^(-x^2) P(t) / (1 + 2 x), t = (x - 3.75)/(x + 3.75), degree 22,
#                    0 <= x <= 28 (the variable of Shepherd and Laframboise 1981)
#     erf, float     x P(x^2) / Q(x^2), |x| <= 3.92, degrees 5 and 5
# Largest errors found (tests/_core/test_special.py holds them): exp 1.1 ulp; erf 2 (double),
# 8 (float); erfc 5 for 0 <= x <= 26; Phi2 1e-14 absolute.
from libc.math cimport fabs, sqrt

from derandcut._core._types cimport real_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    /* 2^k from the sum 1.5 * 2^52 + k (1.5 * 2^23 + k for float): rounding by adding. */
    static inline double derandcut_two_to_d(double sum) {
        uint64_t bits; double result;
        memcpy(&bits, &sum, 8);
        bits = (bits << 52) + ((uint64_t)1023 << 52);
        memcpy(&result, &bits, 8);
        return result;
    }
    static inline float derandcut_two_to_f(float sum) {
        uint32_t bits; float result;
        memcpy(&bits, &sum, 4);
        bits = (bits << 23) + ((uint32_t)127 << 23);
        memcpy(&result, &bits, 4);
        return result;
    }
    """
    double derandcut_two_to_d(double total) nogil
    float derandcut_two_to_f(float total) nogil

cdef enum:
    PHI2_BLOCK = 128         # edges a call of `disagreements` takes at most
    PHI2_NODES = 10

cdef extern from *:
    """
    /* Squares of the positive nodes and weights / (2 pi) of the 20-point Gauss-Legendre
       rule on [-1, 1]: the integrand of Owen's T is even. */
    static const double derandcut_node[10] = {
        0.005856308436795615,
        0.051886393980323686,
        0.13965624074297703,
        0.2609850936822264,
        0.4045642847657475,
        0.5570113146004433,
        0.7041172924000904,
        0.8321716520870236,
        0.9292418765798955,
        0.986304414519349 };
    static const double derandcut_node_weight[10] = {
        0.024311456635885,
        0.023741618172895402,
        0.02261529819214689,
        0.02095889775822793,
        0.0188112440081087,
        0.01622268241886302,
        0.013253905066518913,
        0.009974566286067599,
        0.006461918249330088,
        0.0028033563038517987 };
    """
    const double[10] derandcut_node
    const double[10] derandcut_node_weight


cdef inline real_t exp_real(real_t x) noexcept nogil:
    """e^x; 0 below -708 (float: -87), the largest argument is 709 (88)."""
    cdef real_t y, k, r, p
    if real_t is float:
        y = x if x > <float>-87.0 else <float>-87.0
        y = y if y < <float>88.0 else <float>88.0
        k = y * <float>1.4426950408889634 + <float>12582912.0
        r = k - <float>12582912.0
        r = (y - r * <float>0.693359375) + r * <float>2.1219444005469057e-4
        p = <float>0.0013926175888627768
        p = p * r + <float>0.008363173343241215
        p = p * r + <float>0.041666556149721146
        p = p * r + <float>0.16666577756404877
        p = p * r + <float>0.5
        p = (p * (r * r) + r) + <float>1.0
        p = p * derandcut_two_to_f(k)
        return p if x > <float>-87.0 else <float>0.0
    else:
        y = x if x > -708.0 else -708.0
        y = y if y < 709.0 else 709.0
        k = y * 1.4426950408889634 + 6755399441055744.0
        r = k - 6755399441055744.0
        r = (y - r * 0.693147180369123816490) - r * 1.90821492927058770002e-10
        p = 2.5100375832561234e-08
        p = p * r + 2.7620075879983367e-07
        p = p * r + 2.7557268480310024e-06
        p = p * r + 2.4801521322368692e-05
        p = p * r + 0.00019841269863040545
        p = p * r + 0.0013888888917196719
        p = p * r + 0.008333333333330065
        p = p * r + 0.041666666666624164
        p = p * r + 0.16666666666666669
        p = p * r + 0.5000000000000001
        p = (p * (r * r) + r) + 1.0
        p = p * derandcut_two_to_d(k)
        return p if x > -708.0 else 0.0


cdef inline double erfc_positive(double x) noexcept nogil:
    """erfc on [0, 26], relative accuracy; larger x count as 26 (erfc below 1e-295)."""
    cdef double y = x if x < 26.0 else 26.0
    cdef double t = (y - 3.75) / (y + 3.75)
    cdef double p = -2.4108215365422332e-09
    cdef double high, low, e
    p = p * t - 8.782125734803521e-10
    p = p * t + 3.285083556233316e-08
    p = p * t + 1.5996335215573707e-08
    p = p * t - 2.5261465267715506e-07
    p = p * t - 4.815839621672849e-08
    p = p * t + 1.7481190468391965e-06
    p = p * t - 9.801666755858578e-07
    p = p * t - 1.1442990926805438e-05
    p = p * t + 2.2387259638230133e-05
    p = p * t + 5.1648913469599865e-05
    p = p * t - 0.00029015496529570924
    p = p * t + 0.00029371366631088616
    p = p * t + 0.001755626017152004
    p = p * t - 0.009746579553431873
    p = p * t + 0.028362277400457724
    p = p * t - 0.05869339859030941
    p = p * t + 0.09230432116153116
    p = p * t - 0.10880393014171236
    p = p * t + 0.08227673849011204
    p = p * t + 0.003585415485463779
    p = p * t - 0.1402405985855467
    p = p * t + 1.2375126308378275
    # y^2 split exactly: high has 27 bits, so that high^2 is exact.
    high = y * 134217729.0
    high = high - (high - y)
    low = (y - high) * (y + high)
    e = exp_real[double](-high * high)
    e = e - e * (low * (1.0 - 0.5 * low))
    return e * p / (1.0 + 2.0 * y)


cdef inline double erfc_double(double x) noexcept nogil:
    cdef double r = erfc_positive(fabs(x))
    return r if x >= 0.0 else 2.0 - r


cdef inline real_t erf_real(real_t x) noexcept nogil:
    cdef real_t y, u, p, q
    if real_t is float:
        y = x if x > <float>-3.92 else <float>-3.92
        y = y if y < <float>3.92 else <float>3.92
        u = y * y
        p = <float>2.0500890409903638e-06
        p = p * u + <float>0.00028488221002691397
        p = p * u + <float>0.0037655974432011094
        p = p * u + <float>0.05274865918197205
        p = p * u + <float>0.19040602530128156
        p = p * u + <float>1.1283791461412027
        q = <float>3.80917078149482e-05
        q = q * u + <float>0.0011625307137367966
        q = q * u + <float>0.01496917626744742
        q = q * u + <float>0.11410892462463613
        q = q * u + <float>0.5020756873017572
        q = q * u + <float>1.0
        q = y * p / q
        q = q if q < <float>1.0 else <float>1.0
        return q if q > <float>-1.0 else <float>-1.0
    else:
        y = fabs(x)
        u = y if y < 1.0 else 1.0
        u = u * u
        p = 5.957176147748911e-11
        p = p * u - 1.1372848856791674e-09
        p = p * u + 1.4659775274047436e-08
        p = p * u - 1.6350312701054695e-07
        p = p * u + 1.6461000484121368e-06
        p = p * u - 1.4925595266831182e-05
        p = p * u + 0.0001205533111164271
        p = p * u - 0.000854832698083379
        p = p * u + 0.0052239776248180145
        p = p * u - 0.026866170645076792
        p = p * u + 0.11283791670954879
        p = p * u - 0.3761263890318375
        p = p * u + 1.1283791670955126
        p = p * x
        q = 1.0 - erfc_positive(y)
        q = q if x >= 0.0 else -q
        return p if y < 1.0 else q


cdef inline double Phi(double x) noexcept nogil:
    """Standard normal distribution function."""
    return 0.5 * erfc_double(-0.7071067811865476 * x)


cdef inline void owen_core(
    const double* large, const double* ratio, double* out, int count
) noexcept nogil:
    """Owen's T(H, r) = integral_0^r e^(-H^2 (1 + x^2)/2) / (2 pi (1 + x^2)) dx, r <= 1."""
    cdef int i, j
    cdef double x, w, y
    for i in range(count):
        out[i] = 0.0
    for j in range(PHI2_NODES):
        x, w = derandcut_node[j], derandcut_node_weight[j]
        for i in range(count):
            y = 1.0 + ratio[i] * ratio[i] * x
            out[i] += w * exp_real[double](-0.5 * large[i] * large[i] * y) / y
    for i in range(count):
        out[i] *= ratio[i]


cdef inline void owen_signed(
    const double* h, const double* k, const double* rho, double* out, int count
) noexcept nogil:
    """T(h, (k - rho h)/(h q)), its sign that of a as if 0 were +0."""
    cdef double[PHI2_BLOCK] a, b, large, ratio, core
    cdef int i
    cdef double y, q, difference, qa, qb, t
    for i in range(count):
        # Without cancellation for |rho| near 1: 1 -+ rho is exact there.
        if rho[i] >= 0.0:
            difference = (k[i] - h[i]) + (1.0 - rho[i]) * h[i]
        else:
            difference = (k[i] + h[i]) - (1.0 + rho[i]) * h[i]
        q = sqrt((1.0 - rho[i]) * (1.0 + rho[i]))
        q = q if q > 1e-18 else 1e-18
        y = difference / q
        y = y if y < 40.0 else 40.0
        b[i] = y if y > -40.0 else -40.0
        a[i] = fabs(h[i])
        y = fabs(b[i])
        large[i] = a[i] if a[i] > y else y
        q = a[i] if a[i] < y else y
        ratio[i] = q / large[i]
    owen_core(large, ratio, core, count)
    for i in range(count):
        y = fabs(b[i])
        qa = 0.5 * erfc_positive(0.7071067811865476 * a[i])
        qb = 0.5 * erfc_positive(0.7071067811865476 * y)
        t = core[i] if y <= a[i] else 0.5 * (qa + qb) - qa * qb - core[i]
        # the sign of h y
        t = t if b[i] >= 0.0 else -t
        out[i] = t if h[i] >= 0.0 else -t


cdef inline void disagreements(
    const double* h, const double* k, const double* rho, double* out, int count
) noexcept nogil:
    """P(x_u != x_v) = Phi(h) + Phi(k) - 2 Phi2(h, k; rho), for up to PHI2_BLOCK pairs.

    = 2 T(h, a_h) + 2 T(k, a_k) + [h and k differ in sign] by Owen (1956): no
    cancellation, every rho in [-1, 1], every h and k, infinite ones too.
    """
    cdef double[PHI2_BLOCK] hh, kk, th, tk
    cdef int i
    cdef double x
    for i in range(count):
        # |h| >= 1e-100 makes T's second argument defined for h = k = 0.
        x = fabs(h[i])
        x = x if x < 40.0 else 40.0
        x = x if x > 1e-100 else 1e-100
        hh[i] = x if h[i] >= 0.0 else -x
        x = fabs(k[i])
        x = x if x < 40.0 else 40.0
        x = x if x > 1e-100 else 1e-100
        kk[i] = x if k[i] >= 0.0 else -x
    owen_signed(hh, kk, rho, th, count)
    owen_signed(kk, hh, rho, tk, count)
    for i in range(count):
        x = 2.0 * (th[i] + tk[i])
        x = x + (0.0 if hh[i] * kk[i] >= 0.0 else 1.0)
        x = x if x > 0.0 else 0.0
        out[i] = x if x < 1.0 else 1.0
