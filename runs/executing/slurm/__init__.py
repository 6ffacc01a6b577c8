"""The Slurm executor: submission of batches of runs by submitit, and the jobs that train them."""
