"""Benchmarks: a command for each claim of speed, with the machine's lower bound, and the returns of random actions."""
