"""SD2's discovery of action groups: algorithm, cache, command, figures."""
