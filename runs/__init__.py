"""How one run goes, and where: the training loop, replay, checkpoints, records, executors."""
