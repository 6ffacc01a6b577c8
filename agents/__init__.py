"""The agents: the Agent contract, world models, behaviours, returns and distributions."""
