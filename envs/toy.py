"""Small tasks in plain numpy, solvable within minutes, for fast tests and studies of decomposition."""

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envs.settings import EnvSettings
from envs.task import SIZE, Image, Observe, TaskEnv

# Time limit in environment steps, unless the settings have a shorter one.
LIMIT = 200

_BACKGROUND = (16, 16, 32)
_TARGET = (32, 200, 96)
_BODY = (255, 224, 64)
_TRAP = (224, 48, 48)


def make_toy(task: str, settings: EnvSettings, seed: int = 0, observe: Observe = ("image",)) -> TaskEnv:
    """Build `toy_reach_<actuators>`, `toy_reach_choices` or `toy_grid`."""
    settings = settings.model_copy(update={"time_limit": min(settings.time_limit, LIMIT)})
    if task == "toy_grid":
        return Grid(settings, seed, observe)
    if task == "toy_reach_choices":
        return ReachByChoice(settings, seed, observe)
    return Reach(int(task.removeprefix("toy_reach_")), settings, seed, observe)


class Reach(TaskEnv):
    """Independent bodies, each with its own lane, target and action; each action must drive its body onto the target.

    An action is a velocity. Bodies do not interact, and gains differ slightly between lanes. So the true dynamics
    decompose into one group for each action, which a decomposed world model may find or miss. The reward of an
    environment step is the mean over lanes of 1 / (1 + (distance / 0.25)^2), in (0, 1].

    Args:
        count: Number of bodies, lanes and actions.
        settings: Action repeat and time limit.
        seed: Seed of the episodes until the first `reset(seed=...)`.
        observe: The entries of an observation.
    """

    # Lanes reach from -1 to 1. A body starts at least this far from its target, too far to get there by chance.
    _FAR = 0.8
    _WIDTH = 0.25

    def __init__(self, count: int, settings: EnvSettings, seed: int = 0, observe: Observe = ("image",)) -> None:
        # Distance that an action of 1 moves a body in one environment step.
        self.gains = 0.05 * np.linspace(0.8, 1.2, count) if count > 1 else np.array([0.05])
        self.positions = np.zeros(count)
        self.targets = np.zeros(count)
        super().__init__(gymnasium.spaces.Box(-1.0, 1.0, (count,), np.float32), settings, seed, observe)

    @property
    def action_names(self) -> tuple[str, ...]:
        """The lane that each action drives, counted from the top."""
        return tuple(f"lane {index}" for index in range(self.gains.size))

    def _start(self) -> None:
        self.targets = self.np_random.uniform(-1.0, 1.0, self.targets.shape)
        # Uniform over the positions that are far enough from the target, on both sides.
        left = np.maximum(self.targets - self._FAR + 1.0, 0.0)
        right = np.maximum(1.0 - self.targets - self._FAR, 0.0)
        drawn = self.np_random.uniform(0.0, left + right)
        self.positions = np.where(drawn < left, drawn - 1.0, drawn - left + self.targets + self._FAR)

    def _advance(self, action: NDArray[np.float32]) -> tuple[float, float]:
        self.positions = np.clip(self.positions + self.gains * action, -1.0, 1.0)
        return float(np.mean(1.0 / (1.0 + ((self.positions - self.targets) / self._WIDTH) ** 2))), 1.0

    def _measure(self) -> dict[str, NDArray[np.float64]]:
        return {"position": self.positions, "target": self.targets}

    def _draw(self) -> Image:
        lane = SIZE / len(self.positions)
        radius = min(8.0, 0.42 * lane)
        canvas = _canvas()
        for index, (position, target) in enumerate(zip(self.positions, self.targets, strict=True)):
            middle = (index + 0.5) * lane
            _paint(canvas, _TARGET, _bar(_column(target), 0.5 * radius, middle, 0.5 * lane))
            _paint(canvas, _BODY, _disc(_column(position), middle, radius))
        return _pixels(canvas)


class ReachByChoice(Reach):
    """The task with one lane and three discrete actions: left, stay and right, at full speed."""

    def __init__(self, settings: EnvSettings, seed: int = 0, observe: Observe = ("image",)) -> None:
        super().__init__(1, settings, seed, observe)
        self.action_space = gymnasium.spaces.Discrete(3)

    @property
    def action_names(self) -> tuple[str, ...]:
        """The name of each discrete action."""
        return ("left", "stay", "right")

    def _advance(self, action: int) -> tuple[float, float]:  # type: ignore[override]
        return super()._advance(np.array([action - 1], np.float32))


class Grid(TaskEnv):
    """A walker with four discrete actions (left, right, up, down) collects goals and must avoid a trap.

    A goal gives reward 1 and then moves elsewhere; the trap gives -1 and ends the episode. The grid has 4x4 cells, and
    an environment step moves by a quarter of a cell, so that every cell can be reached with an action repeat up to 4.
    """

    CELLS = 4
    # Environment steps to cross a cell.
    _CELL = 4
    _MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))

    def __init__(self, settings: EnvSettings, seed: int = 0, observe: Observe = ("image",)) -> None:
        # Column and row of a block's first corner, in quarter cells.
        self.walker = self.goal = self.trap = np.zeros(2, int)
        super().__init__(gymnasium.spaces.Discrete(len(self._MOVES)), settings, seed, observe)

    @property
    def action_names(self) -> tuple[str, ...]:
        """The direction of each discrete action."""
        return ("left", "right", "up", "down")

    def _start(self) -> None:
        cells = self.np_random.choice(self.CELLS**2, 3, replace=False)
        self.walker, self.goal, self.trap = (self._corner(cell) for cell in cells)

    def _advance(self, action: int) -> tuple[float, float]:
        end = (self.CELLS - 1) * self._CELL
        self.walker = np.clip(self.walker + self._MOVES[action], 0, end)
        if self._meets(self.trap):
            return -1.0, 0.0
        if not self._meets(self.goal):
            return 0.0, 1.0
        while self._meets(self.goal) or (self.goal == self.trap).all():
            self.goal = self._corner(int(self.np_random.integers(self.CELLS**2)))
        return 1.0, 1.0

    def _corner(self, cell: int) -> NDArray[np.int_]:
        return np.array([cell % self.CELLS, cell // self.CELLS]) * self._CELL

    def _meets(self, block: NDArray[np.int_]) -> bool:
        """Whether the walker is less than half a cell from a block, in both directions."""
        return bool((np.abs(self.walker - block) < self._CELL / 2).all())

    def _measure(self) -> dict[str, NDArray[np.int_]]:
        return {"walker": self.walker, "goal": self.goal, "trap": self.trap}

    def _draw(self) -> Image:
        pixel = SIZE / (self.CELLS * self._CELL)
        half = self._CELL * pixel / 2
        canvas = _canvas()
        for colour, block in ((_TARGET, self.goal), (_TRAP, self.trap)):
            column, row = block * pixel + half
            _paint(canvas, colour, _bar(column, half, row, half))
        column, row = self.walker * pixel + half
        _paint(canvas, _BODY, _disc(column, row, 0.75 * half))
        return _pixels(canvas)


def _column(position: float) -> float:
    """The column, in pixels, of a position in [-1, 1], with margins that keep bodies within the image."""
    margin = 8.0
    return margin + (position + 1.0) / 2.0 * (SIZE - 2.0 * margin)


def _canvas() -> NDArray[np.float64]:
    return np.full((SIZE, SIZE, 3), _BACKGROUND, float)


def _pixels(canvas: NDArray[np.float64]) -> Image:
    return np.rint(canvas).astype(np.uint8)


def _paint(canvas: NDArray[np.float64], colour: tuple[int, int, int], cover: NDArray[np.float64]) -> None:
    """Blend a colour into the canvas by a shape's coverage (SIZE, SIZE), from 0 to 1."""
    canvas += cover[..., None] * (np.asarray(colour) - canvas)


# Centres of the pixels' columns and rows.
_X = np.arange(SIZE) + 0.5
_Y = _X[:, None]


def _disc(x: float, y: float, radius: float) -> NDArray[np.float64]:
    """The coverage of each pixel by a disc, approximated by an edge one pixel wide."""
    return np.clip(radius - np.hypot(_X - x, _Y - y) + 0.5, 0.0, 1.0)


def _bar(x: float, half_width: float, y: float, half_height: float) -> NDArray[np.float64]:
    """The exact coverage of each pixel by an axis-aligned rectangle."""
    across = np.clip(half_width - np.abs(_X - x) + 0.5, 0.0, 1.0)
    along = np.clip(half_height - np.abs(_Y - y) + 0.5, 0.0, 1.0)
    return across * along
