"""MAXCUT: reductions, relaxation, derandomized sampler, rounding, search, bounds."""
