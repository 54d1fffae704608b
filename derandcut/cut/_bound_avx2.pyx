include "_bound.pyx"
