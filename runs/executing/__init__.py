"""Where runs execute: processes on this machine, or jobs of a Slurm cluster."""
