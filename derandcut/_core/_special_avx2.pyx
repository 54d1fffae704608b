include "_special.pyx"
