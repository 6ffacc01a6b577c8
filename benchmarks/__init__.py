"""Benchmarks: one command for each claim of speed, with the machine's lower bound, and one for random actions."""
