"""In which world: dm_control, toy tasks, and the CPU ray caster that draws them."""
