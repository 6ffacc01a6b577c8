"""Who learns: the Agent contract, world models, behaviours, returns and distributions."""
