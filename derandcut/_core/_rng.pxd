# xoshiro256** (Blackman and Vigna 2018), state by pointer: one stream a trajectory,
# seeded in Python from numpy's SeedSequence, so that nothing depends on threads.
from libc.stdint cimport uint32_t, uint64_t


cdef inline uint64_t rotl(uint64_t x, int k) noexcept nogil:
    return (x << k) | (x >> (64 - k))


cdef inline uint64_t next_u64(uint64_t* s) noexcept nogil:
    cdef uint64_t result = rotl(s[1] * 5, 7) * 9
    cdef uint64_t t = s[1] << 17
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotl(s[3], 45)
    return result


cdef inline double next_double(uint64_t* s) noexcept nogil:
    """Uniform on [0, 1), 53 bits."""
    return <double>(next_u64(s) >> 11) * (1.0 / 9007199254740992.0)


cdef inline uint32_t next_below(uint64_t* s, uint32_t bound) noexcept nogil:
    """Uniform on 0..bound-1 by multiplication (bias below bound / 2^32)."""
    return <uint32_t>(((next_u64(s) >> 32) * bound) >> 32)
