"""How runs are doing, seen from outside: queues, status, logs, cancelling."""
