# The number types every kernel shares (docs/method, "Storage").
from libc.stdint cimport int32_t, int64_t

ctypedef fused index_t:      # CSR neighbour indices: int32 while they suffice
    int32_t
    int64_t

ctypedef fused real_t:       # iterates; F, cuts, bounds and chains are always double
    float
    double
