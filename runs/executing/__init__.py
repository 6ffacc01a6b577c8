"""Executes runs: as processes on this machine, or as jobs of a Slurm cluster."""
