include "_ascent64.pyx"
