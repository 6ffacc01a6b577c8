"""Collecting beside learning: while a phase of gradient steps runs, a thread takes the environments' next steps.

The thread acts with a copy of the agent as it was when the phase began, and both meet at the phase's end. So what
happens does not depend on which of them is faster, and learning sees an environment step one phase later than if they
took turns.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from agents.agent import Agent, Arrays


class Companion:
    """Collects with a copy of the learning agent."""

    def __init__(self, copy: Agent):
        """Takes another agent of the same settings."""
        self.agent = copy
        self._threads = ThreadPoolExecutor(1)
        self._abandoned = threading.Event()

    @contextmanager
    def collecting(self, learner: Agent, begun: Arrays, step: Callable[[Agent], bool]) -> Iterator[None]:
        """Takes steps in the background, from the beginning of the block until no more are wanted.

        The end of the block waits for the last one. If the block raises, collecting ends after the present step.

        Args:
            learner: The agent that learns in the block; afterwards it counts the copy's actions as its own.
            begun: What it saves now.
            step: Takes a step with an agent; returns whether another is wanted.
        """
        self.agent.load(begun)
        self._abandoned.clear()
        collected = self._threads.submit(self._collect, step)
        try:
            yield
        except BaseException:
            self._abandoned.set()
            collected.exception()  # waits
            raise
        collected.result()
        learner.acts = self.agent.acts

    def close(self) -> None:
        """Ends the thread."""
        self._threads.shutdown()

    def _collect(self, step: Callable[[Agent], bool]) -> None:
        while not self._abandoned.is_set() and step(self.agent):
            pass
