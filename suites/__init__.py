"""The suites: their format, presets, named task lists, and the plan of a suite's runs."""
