"""One run on disk: its folder, lock, state, checkpoints and provenance."""
