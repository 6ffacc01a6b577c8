"""How fast: each claim of speed as a command, with the machine's floor measured in the same run."""
