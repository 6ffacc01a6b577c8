"""One run's training, from its first step to its last."""
