"""The games of the Atari 2600, emulated by the Arcade Learning Environment (Bellemare et al. 2013)."""

import ale_py
import gymnasium
import numpy as np
from ale_py.roms import get_rom_path
from numpy.typing import NDArray
from PIL import Image as Pillow

from envs.settings import EnvSettings
from envs.task import SIZE, Image, Observe, TaskEnv


class AtariEnv(TaskEnv):
    """A game of the Atari 2600, with its minimal set of actions. An environment step is a frame, 60 to a second.

    As in Dreamer's TensorFlow 2 reference, an episode begins with 1 to `noops` frames without action, and a picture is
    the pixel-wise maximum of the last two frames of an agent step, in colour, shrunk with antialiasing: many games draw
    a thing in every other frame only. It is the last frame alone where there is no other, or the game ended early.

    With a probability of `sticky`, a frame repeats the action of the frame before in place of the one asked for
    (Machado et al. 2018). The chance is drawn here: to seed its own, the emulator would have to load the game again,
    which takes 0.1 s.

    An episode truly ends with the game, and with `life_loss` also when a life is lost. Every reset starts the whole
    game anew, after a lost life too, as in the reference.

    Args:
        task: `atari_<game>`.
        settings: Action repeat, time limit, stickiness, no-ops, what a lost life means.
        seed: Seed of the episodes until the first `reset(seed=...)`.
        observe: What an observation holds; `state` is the console's 128 bytes of memory.
    """

    def __init__(self, task: str, settings: EnvSettings, seed: int = 0, observe: Observe = ("image",)) -> None:
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self._ale = ale_py.ALEInterface()
        self._ale.setFloat("repeat_action_probability", 0.0)
        self._ale.loadROM(get_rom_path(task.removeprefix("atari_")))
        self._ale.reset_game()
        self._beginning = self._ale.cloneSystemState()
        self._choices = self._ale.getMinimalActionSet()
        self._rules = settings.atari
        # What the joystick does, and the lives left, since the frame before.
        self._held, self._lives = ale_py.Action.NOOP, 0
        # The screen (210, 160, 3) that the shown one is laid over.
        self._under: Image | None = None
        super().__init__(gymnasium.spaces.Discrete(len(self._choices)), settings, seed, observe)

    @property
    def action_names(self) -> tuple[str, ...]:
        """What each choice does with the joystick: `noop`, `fire`, `upright`, ..."""
        return tuple(choice.name.lower() for choice in self._choices)

    def _start(self) -> None:
        # A reset keeps some games' counters, and restoring lacks some of the video chip's state: both leave no trace.
        self._ale.reset_game()
        self._ale.restoreSystemState(self._beginning)
        for _ in range(self.np_random.integers(1, self._rules.noops, endpoint=True)):
            self._ale.act(ale_py.Action.NOOP)
        self._held, self._lives, self._under = ale_py.Action.NOOP, self._ale.lives(), None

    def _advance(self, action: int) -> tuple[float, float]:
        if "image" in self._observed:
            self._keep_screen()
        if self.np_random.random() >= self._rules.sticky:
            self._held = self._choices[action]
        reward = self._ale.act(self._held)
        before, self._lives = self._lives, self._ale.lives()
        over = self._ale.game_over() or (self._rules.life_loss and self._lives < before)
        return float(reward), 0.0 if over else 1.0

    def _keep_screen(self) -> None:
        """Before an agent step's last frame, keep the screen of the one before; fetching more would take time."""
        frame = self._elapsed % self._action_repeat
        last = frame == self._action_repeat - 1 or self._elapsed == self.time_limit - 1
        self._under = self._ale.getScreenRGB() if last and frame > 0 else None

    def _measure(self) -> dict[str, NDArray[np.uint8]]:
        return {"ram": self._ale.getRAM()}

    def _draw(self) -> Image:
        screen = self._ale.getScreenRGB()
        if self._under is not None:
            screen = np.maximum(screen, self._under)
        return np.array(Pillow.fromarray(screen).resize((SIZE, SIZE), Pillow.Resampling.BILINEAR))
