include "_cycles.pyx"
