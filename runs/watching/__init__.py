"""Runs seen from outside: queues, status, logs, cancellation."""
