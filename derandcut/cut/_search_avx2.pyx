include "_search.pyx"
