include "_ascent32.pyx"
