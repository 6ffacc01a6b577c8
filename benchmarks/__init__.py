"""Benchmarks: one command for each claim of speed, which also measures the machine's lower bound in the same run."""
