"""The Slurm executor: batches of runs given to a cluster by submitit, and what they do there."""
