"""What the machine can do, asked once at run time."""

cdef extern from *:
    """
    #if defined(__x86_64__) || defined(__i386__)
    static int derandcut_has_avx2(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") != 0;
    }
    #else
    static int derandcut_has_avx2(void) { return 0; }
    #endif
    """
    int derandcut_has_avx2() nogil


def supports_avx2():
    """True if the processor and the operating system support AVX2."""
    return bool(derandcut_has_avx2())
