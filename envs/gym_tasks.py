"""Gymnasium's own environments that need no other package's, with the number of action dimensions of each."""

CLASSIC = {"MountainCarContinuous-v0": 1, "Pendulum-v1": 1}
MUJOCO = {
    "Ant-v5": 8,
    "HalfCheetah-v5": 6,
    "Hopper-v5": 3,
    "Humanoid-v5": 17,
    "HumanoidStandup-v5": 17,
    "InvertedDoublePendulum-v5": 1,
    "InvertedPendulum-v5": 1,
    "Pusher-v5": 7,
    "Reacher-v5": 2,
    "Swimmer-v5": 2,
    "Walker2d-v5": 6,
}
ACTION_SIZES = {f"gym_{name}": size for name, size in {**CLASSIC, **MUJOCO}.items()}
DISCRETE = tuple(f"gym_{name}" for name in ("Acrobot-v1", "CartPole-v1", "MountainCar-v0"))
# The tasks of any package, as Gymnasium writes them: `module:id`. The module registers the id when it is imported.
FORM = r"gym_[A-Za-z_][\w.]*:\w[\w.-]*"
SLASH = "__"  # in a task's name, which is a folder's: the slash between a namespace and a name


def split(task: str) -> tuple[str | None, str]:
    """Returns the module of a task, if it names one, and the environment's id."""
    module, colon, name = task.removeprefix("gym_").rpartition(":")
    return (module if colon else None), name.replace(SLASH, "/")
