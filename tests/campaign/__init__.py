"""A campaign of faults against the whole project: `python -m tests.campaign`, described in docs/reliability.md.

A kind of fault is a function that makes many trials, drawn from a seed. Each kind runs in its own process, so that a
crash of the process is a trial that did not survive. What became of each trial stands in `build/campaign/<kind>.jsonl`.
"""
