"""The special functions of `_special.pxd` over arrays: reads x, writes out."""

from derandcut._core._special cimport (
    PHI2_BLOCK,
    Phi,
    disagreements,
    erf_real,
    erfc_double,
    exp_real,
)
from derandcut._core._types cimport real_t


def exp(const real_t[::1] x, real_t[::1] out):
    """out = e^x."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            out[i] = exp_real(x[i])


def erf(const real_t[::1] x, real_t[::1] out):
    """out = erf(x)."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            out[i] = erf_real(x[i])


def erfc(const double[::1] x, double[::1] out):
    """out = erfc(x)."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            out[i] = erfc_double(x[i])


def normal_cdf(const double[::1] x, double[::1] out):
    """out = Phi(x)."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            out[i] = Phi(x[i])


def disagreement(
    const double[::1] h, const double[::1] k, const double[::1] rho, double[::1] out
):
    """out = Phi(h) + Phi(k) - 2 Phi2(h, k; rho)."""
    cdef Py_ssize_t n = h.shape[0], i = 0
    cdef int count
    with nogil:
        while i < n:
            count = PHI2_BLOCK if n - i > PHI2_BLOCK else <int>(n - i)
            disagreements(&h[i], &k[i], &rho[i], &out[i], count)
            i += count


def bivariate_normal_cdf(
    const double[::1] h, const double[::1] k, const double[::1] rho, double[::1] out
):
    """out = Phi2(h, k; rho)."""
    cdef Py_ssize_t i
    disagreement(h, k, rho, out)
    with nogil:
        for i in range(h.shape[0]):
            # Rounding could leave a probability of zero just below it.
            out[i] = max(0.0, 0.5 * (Phi(h[i]) + Phi(k[i]) - out[i]))
