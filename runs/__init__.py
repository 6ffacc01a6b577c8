"""Runs: training loop, replay, checkpoints, records, executors, status."""
