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
    """A game of the Atari 2600, with its minimal set of actions. An environment step is a frame of 1/60 s.

    As in Dreamer's TensorFlow 2 reference, an episode begins with 1 to `noops` frames without action. An image is the
    pixel-wise maximum of the last two frames of an agent step, because many games draw some objects only in every other
    frame; it is in colour and shrunk with antialiasing. If the agent step has one frame only or the game ended early,
    the image is the last frame alone.

    With probability `sticky`, a frame repeats the action of the previous frame instead of the given one (Machado et al.
    2018). This is drawn here, because the emulator can only be seeded by loading the game again, which takes 0.1 s.

    An episode terminates with the game, and with `life_loss` also when a life is lost. As in the reference, every reset
    restarts the whole game, also after a lost life.

    An image that is drawn for a film, but not observed, is the last frame alone: the emulator would have to draw two.

    Args:
        task: `atari_<game>`.
        settings: Action repeat, time limit, sticky actions, no-ops, and the effect of a lost life.
        seed: Seed of the episodes until the first `reset(seed=...)`.
        observe: The entries of an observation; `state` is the console's 128 bytes of memory.
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
        # The action and the remaining lives after the previous frame.
        self._held, self._lives = ale_py.Action.NOOP, 0
        # The screen (210, 160, 3) whose maximum with the present one is drawn.
        self._under: Image | None = None
        super().__init__(gymnasium.spaces.Discrete(len(self._choices)), settings, seed, observe)

    @property
    def action_names(self) -> tuple[str, ...]:
        """What each choice does with the joystick: `noop`, `fire`, `upright`, ..."""
        return tuple(choice.name.lower() for choice in self._choices)

    def _start(self) -> None:
        # A reset keeps some games' counters, and a restore omits some of the video chip's state: both are needed.
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
        """Before the last frame of an agent step, keep the previous frame's screen; fetching each would be slower."""
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
