"""The tokeniser behind every text reader: strict, one pass, and it knows where it is.

Reads the bytes of a file. Writes vertex numbers (int32 or int64) and weights (float64). Cost:
one visit a byte. A refusal is a code (`FAULTS` in table.py says it in words) and
the offset of the line, so the caller can name both; nothing is guessed: an integer is
digits with an optional sign, a number is what the JSON and C grammars of decimal
floating point share, the end of a line ends the record.

Invariant: `at` never passes `end`, every read is guarded by it. Numbers are correctly
rounded: up to 2^53 times a power of ten up to 22 is one exact operation (Clinger
1990), the rest goes through Python's `float`.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint64_t

from derandcut._core._types cimport index_t

cdef enum:
    OK = 0
    WANT_VERTEX = 1          # not an integer where a vertex number belongs
    OUTSIDE = 2              # a vertex number outside lowest..highest
    WANT_WEIGHT = 3          # not a number where a weight belongs
    NOT_FINITE = 4           # overflows float64
    ROUNDED = 5              # an integer beyond 2^53
    EXTRA = 6                # more columns than expected
    LEAD = 7                 # not the letter a record starts with
    MANY = 8                 # more records than announced

cdef uint64_t EXACT = 1ULL << 53
cdef double[23] TENS
TENS[:] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]


cdef inline bint blank(unsigned char c) noexcept nogil:
    return c == 32 or c == 9 or c == 13


cdef inline Py_ssize_t skip_blank(
    const char* s, Py_ssize_t at, Py_ssize_t end
) noexcept nogil:
    while at < end and blank(s[at]):
        at += 1
    return at


cdef inline Py_ssize_t skip_line(
    const char* s, Py_ssize_t at, Py_ssize_t end
) noexcept nogil:
    while at < end and s[at] != 10:
        at += 1
    return at + 1 if at < end else end


cdef inline bint ends_token(const char* s, Py_ssize_t at, Py_ssize_t end) noexcept nogil:
    return at >= end or blank(s[at]) or s[at] == 10


cdef inline bint digit(char c) noexcept nogil:
    return 48 <= c <= 57


cdef Py_ssize_t integer(
    const char* s, Py_ssize_t at, Py_ssize_t end, int64_t* value
) noexcept nogil:
    """Read an integer; returns the position after it, or -1."""
    cdef bint negative = at < end and s[at] == 45
    cdef Py_ssize_t first
    cdef int64_t x = 0
    if at < end and (s[at] == 45 or s[at] == 43):
        at += 1
    first = at
    while at < end and digit(s[at]):
        # Larger than any vertex number: saturate, the range check refuses it.
        x = x * 10 + (s[at] - 48) if x < 100000000000000000LL else x
        at += 1
    if at == first or not ends_token(s, at, end):
        return -1
    value[0] = -x if negative else x
    return at


cdef double slow_number(const char* s, Py_ssize_t first, Py_ssize_t at) noexcept with gil:
    return float(s[first:at])


cdef Py_ssize_t number(
    const char* s, Py_ssize_t at, Py_ssize_t end, double* value, int* fault
) noexcept nogil:
    """Read a decimal number; returns the position after it, or -1 with the fault."""
    cdef Py_ssize_t start = at, first
    cdef bint negative = at < end and s[at] == 45
    cdef bint plain = True, hard = False
    cdef uint64_t mantissa = 0
    cdef int64_t power = 0, exponent = 0
    cdef int digits = 0
    fault[0] = WANT_WEIGHT
    if at < end and (s[at] == 45 or s[at] == 43):
        at += 1
    while at < end and digit(s[at]):
        hard |= mantissa >= EXACT // 10
        if not hard:
            mantissa = mantissa * 10 + <uint64_t>(s[at] - 48)
        digits = 1
        at += 1
    if at < end and s[at] == 46:
        plain = False
        at += 1
        while at < end and digit(s[at]):
            hard |= mantissa >= EXACT // 10
            if not hard:
                mantissa = mantissa * 10 + <uint64_t>(s[at] - 48)
                power -= 1
            digits = 1
            at += 1
    if not digits:
        return -1
    if at < end and (s[at] == 101 or s[at] == 69):
        plain = False
        at += 1
        first = at
        if at < end and (s[at] == 45 or s[at] == 43):
            first += 1
        if first >= end or not digit(s[first]):
            return -1
        exponent = 0
        while first < end and digit(s[first]):
            exponent = exponent * 10 + (s[first] - 48) if exponent < 10000 else exponent
            first += 1
        power += -exponent if s[at] == 45 else exponent
        at = first
    if not ends_token(s, at, end):
        return -1
    if hard or power > 22 or power < -22:
        value[0] = slow_number(s, start, at)
        if plain and not -9007199254740992.0 <= value[0] <= 9007199254740992.0:
            fault[0] = ROUNDED
            return -1
        if plain and (value[0] == 9007199254740992.0 or value[0] == -9007199254740992.0):
            # 2^53 itself is exact, 2^53 + 1 rounds to it: only the last digit tells.
            if s[at - 1] != 50:
                fault[0] = ROUNDED
                return -1
        if value[0] - value[0] != 0:
            fault[0] = NOT_FINITE
            return -1
        return at
    value[0] = <double>mantissa
    if power > 0:
        value[0] *= TENS[power]
    elif power < 0:
        value[0] /= TENS[-power]
    if negative:
        value[0] = -value[0]
    return at


def edges(
    bytes text,
    Py_ssize_t at,
    const unsigned char[::1] comment,
    unsigned char lead,
    bint weighted,
    int64_t lowest,
    int64_t highest,
    int64_t base,
    index_t[::1] u,
    index_t[::1] v,
    double[::1] w,
):
    """Read lines ``[lead] u v [weight]`` from `at` to the end of the text.

    `base` is subtracted from the vertex numbers. Blank lines and lines whose first
    character has ``comment[c]`` set are skipped.
    Returns the records read, the fault (OK = 0) and the offset of the faulty line.
    """
    cdef const char* s = PyBytes_AS_STRING(text)
    cdef Py_ssize_t end = len(text), line = at, room = u.shape[0], k = 0, here
    cdef int fault = OK
    cdef int64_t a = 0, b = 0
    cdef double x = 1
    with nogil:
        while at < end:
            line = at
            at = skip_blank(s, at, end)
            if at >= end:
                break
            if s[at] == 10:
                at += 1
                continue
            if comment[<unsigned char>s[at]]:
                at = skip_line(s, at, end)
                continue
            if lead:
                here = at + 1
                if <unsigned char>s[at] != lead or not ends_token(s, here, end):
                    fault = LEAD
                    break
                at = skip_blank(s, here, end)
            at = integer(s, at, end, &a)
            if at >= 0:
                at = integer(s, skip_blank(s, at, end), end, &b)
            if at < 0:
                fault = WANT_VERTEX
                break
            if not (lowest <= a <= highest and lowest <= b <= highest):
                fault = OUTSIDE
                break
            if weighted:
                at = number(s, skip_blank(s, at, end), end, &x, &fault)
                if at < 0:
                    break
                fault = OK
            at = skip_blank(s, at, end)
            if at < end and s[at] != 10:
                fault = EXTRA
                break
            at += 1
            if k >= room:
                fault = MANY
                break
            u[k] = <index_t>(a - base)
            v[k] = <index_t>(b - base)
            w[k] = x
            k += 1
    return k, fault, line


def rows(
    bytes text,
    Py_ssize_t at,
    const unsigned char[::1] comment,
    int64_t[::1] counts,
    double[::1] values,
):
    """Read lines of any number of numbers; an empty line is a row of none.

    Returns the rows read, the numbers read, the fault and the offset of its line.
    """
    cdef const char* s = PyBytes_AS_STRING(text)
    cdef Py_ssize_t end = len(text), line = at, k = 0, row = 0
    cdef int fault = OK
    cdef double x = 0
    with nogil:
        while at < end:
            line = at
            at = skip_blank(s, at, end)
            if at < end and comment[<unsigned char>s[at]]:
                at = skip_line(s, at, end)
                continue
            counts[row] = 0
            while at < end and s[at] != 10:
                at = number(s, at, end, &x, &fault)
                if at < 0:
                    break
                fault = OK
                values[k] = x
                counts[row] += 1
                k += 1
                at = skip_blank(s, at, end)
            if fault:
                break
            row += 1
            at += 1
    return row, k, fault, line
