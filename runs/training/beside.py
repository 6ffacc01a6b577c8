"""Collecting beside learning: while a phase of gradient steps runs, a thread takes the environments' next steps.

The thread acts with a copy of the agent as it was when the phase began, and both meet at the phase's end. So what
happens does not depend on which of them is faster, and learning sees an environment step one phase later than if they
took turns.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from agents.agent import Agent, Arrays

# Takes steps with an agent until it is told that they are abandoned, or no more are wanted.
Collect = Callable[[Agent, Callable[[], bool]], int]


class Companion:
    """Collects with a copy of the learning agent."""

    def __init__(self, copy: Agent):
        """Takes another agent of the same settings."""
        self.agent = copy
        self._threads = ThreadPoolExecutor(1)

    @contextmanager
    def collecting(self, learner: Agent, begun: Arrays, collect: Collect) -> Iterator[Future[int]]:
        """Collects in the background, from the beginning of the block on.

        The end of the block waits for it. If the block raises, collecting is told so, and waited for, too.

        Args:
            learner: The agent that learns in the block; afterwards it counts the copy's actions as its own.
            begun: What it saves now.
            collect: Called with the copy.

        Yields:
            What `collect` returns, once the block has ended.
        """
        self.agent.load(begun)
        abandoned = threading.Event()
        collected = self._threads.submit(collect, self.agent, abandoned.is_set)
        try:
            yield collected
        except BaseException:
            abandoned.set()
            collected.exception()  # waits
            raise
        collected.result()
        learner.acts = self.agent.acts

    def close(self) -> None:
        """Ends the thread."""
        self._threads.shutdown()
