include "_sampler.pyx"
