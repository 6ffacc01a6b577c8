from typing import Any

import numpy as np
import pytest

from envs import make_env
from envs.settings import EnvSettings
from runs.training.film import Filmed


@pytest.mark.parametrize("task", ["toy_reach_1", "dmc_cartpole_swingup"])
def test_film_of_toys_and_physics_is_the_same_whatever_is_observed(task: str) -> None:
    films, returns = [], []
    for observation in ("image", "state"):
        settings: dict[str, Any] = {"observation": observation, "renderer": "raycast", "action_repeat": 4}
        env = Filmed(make_env(task, EnvSettings.model_validate(settings)), limit=4)
        for seed in (1, 0):  # a reset starts anew
            env.reset(seed=seed)
            returns.append(sum(env.step(np.full(1, 0.5))[1] for _ in range(5)))
        films.append(np.stack(env.frames))
        env.close()
    assert films[0].shape == (4, 64, 64, 3)
    assert films[0].dtype == np.uint8
    assert len(np.unique(films[0], axis=0)) == 4
    np.testing.assert_array_equal(films[0], films[1])
    assert returns[:2] == returns[2:]
