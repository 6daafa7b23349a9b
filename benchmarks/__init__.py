"""Figures, each beside a peer measured in the same run. Run one with `python -m benchmarks.accept`.

Every module prints one JSON object and exits with 0; a target that is missed is a figure, not a
failure. Timings on shared machines are noisy: read the ratios.
"""
