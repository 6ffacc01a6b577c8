"""The settings of a run: its length, schedule, replay, evaluation and records."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from common.settings import Group

LARGEST = 10**12  # environment steps, and whatever is counted in them: more than a machine takes in a thousand years


class TrainSettings(Group):
    """When gradient steps are taken, and on how much data; counted in environment steps."""

    prefill: int = Field(5000, ge=1, le=LARGEST, description="Environment steps of random actions before training")
    pretrain: int = Field(100, ge=0, le=LARGEST, description="Gradient steps between prefill and collection")
    every: int = Field(1000, ge=1, le=LARGEST, description="Environment steps between two training phases")
    updates: int = Field(100, ge=1, le=LARGEST, description="Gradient steps in a training phase")
    batch_size: int = Field(50, ge=1, le=LARGEST, description="Sequences in a batch")
    batch_length: int = Field(50, ge=2, le=LARGEST, description="Agent steps in a sequence")


class EvalSettings(Group):
    """Evaluation of the actor's mode, without exploration, in separate environments."""

    every: int = Field(10_000, ge=1, le=LARGEST, description="Environment steps between two evaluations")
    episodes: int = Field(1, ge=1, le=LARGEST, description="Episodes of an evaluation")
    video: bool = Field(True, description="Write GIFs of the evaluation and of the open-loop prediction to TensorBoard")


class ReplaySettings(Group):
    """The replay: past episodes that batches are sampled from."""

    size: int = Field(
        5_000_000, ge=1, le=LARGEST, description="Environment steps kept; the oldest episodes are dropped first"
    )
    memory: float = Field(16.0, gt=0, le=1e6, description="GiB of episodes held in memory; the rest is read from disk")
    sampling: Literal["chunks", "episodes"] = Field(
        "chunks", description="Sample uniformly over all chunks, or first an episode and then a chunk of it"
    )
    balance: bool = Field(
        False,
        description="Sample a chunk's start among all records of an episode, and move it back if the chunk would pass "
        "the end, so that ends are sampled as often as middles",
    )


class CheckpointSettings(Group):
    """How often checkpoints are written, and how many are kept."""

    every: int = Field(10_000, ge=1, le=LARGEST, description="Environment steps between two checkpoints")
    keep: int = Field(2, ge=1, le=LARGEST, description="Newest checkpoints kept")


class RecordSettings(Group):
    """Metrics and state that a run records."""

    every: int = Field(1000, ge=1, le=LARGEST, description="Environment steps between two lines of training metrics")
    heartbeat: float = Field(5.0, gt=0, le=60, description="Seconds between two heartbeats, which write state.json")


class RunSettings(Group):
    """All settings of the training loop."""

    steps: int = Field(5_000_000, ge=1, le=LARGEST, description="Environment steps of the run; action repeats count")
    collect: Literal["alternate", "beside"] = Field(
        "alternate",
        description="Take the environments' steps before the gradient steps that they make due, or beside these, with "
        "the agent as it was when they began; learning then sees an environment step one phase later",
    )
    train: TrainSettings = TrainSettings()
    eval: EvalSettings = EvalSettings()
    replay: ReplaySettings = ReplaySettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    record: RecordSettings = RecordSettings()


# Settings without effect on results: runs that differ only in these are the same run.
NO_EFFECT = ("eval.video", "replay.memory", "checkpoint.every", "checkpoint.keep", "record.every", "record.heartbeat")
# Settings without effect by what the agent learns from (`agents.registry`). `train/updates` is counted for every agent.
OF_REPLAY = ("train.batch_size", "train.batch_length", "replay.size", "replay.sampling", "replay.balance")
UNREAD = {
    "nothing": OF_REPLAY,
    "sequences": (),
    "transitions": ("train.batch_length",),
    "unrolls": ("train.pretrain", "train.every", "train.updates", *OF_REPLAY),
}


# Options of sbatch that jobs depend on, and the setting for each, if there is one.
OWN_OPTIONS = {
    "partition": "partition",
    "account": "account",
    "qos": "qos",
    "constraint": "constraint",
    "time": "hours",
    "mem": "memory",
    "cpus-per-task": "cpus",
    "gpus-per-node": "gpus",
    "signal": "notice",
    **dict.fromkeys(("array", "job-name", "output", "error", "open-mode", "nodes", "ntasks", "ntasks-per-node"), ""),
    **dict.fromkeys(("requeue", "no-requeue", "export", "chdir"), ""),
}


class SlurmSettings(Group):
    """What the jobs of a suite request from a Slurm cluster, and how often they may be requeued."""

    partition: str | None = Field(None, description="Partition to submit to")
    account: str | None = Field(None, description="Account to charge")
    qos: str | None = Field(None, description="Quality of service")
    constraint: str | None = Field(None, description="Features that a node must have")
    gpus: int = Field(1, ge=0, le=1_000_000, description="GPUs of a job")
    cpus: int = Field(8, ge=1, le=1_000_000, description="CPU cores of a job")
    memory: float = Field(32.0, gt=0, le=1e6, description="GiB of memory of a job")
    hours: float = Field(24.0, gt=0, le=1e5, description="Time limit of a job in hours; rounded up to whole minutes")
    runs_per_job: int = Field(1, ge=1, le=1_000_000, description="Runs that share a job, its GPUs and its cores")
    array_parallelism: int = Field(
        256, ge=1, le=1_000_000, description="Jobs of an array that may run at the same time"
    )
    notice: int = Field(
        90, ge=1, le=3600, description="Seconds before the time limit at which runs are asked to save a checkpoint"
    )
    timeouts: int = Field(20, ge=0, le=1_000_000, description="Times that a job may be requeued after its time limit")
    preemptions: int = Field(100, ge=0, le=1_000_000, description="Times that a job may be requeued after a preemption")
    stale: float = Field(
        10.0,
        gt=0,
        le=1e6,
        description="Minutes without a heartbeat after which a run without a known process or job is stale",
    )
    python: str | None = Field(
        None,
        description="Command that starts Python in a job, such as one in a container; by default the current Python",
    )
    setup: list[str] = Field([], description="Shell commands before the job's program starts")
    options: list[str] = Field([], description="Further options of sbatch: nice=100, exclude=node7, exclusive")

    @field_validator("*")
    @classmethod
    def _refuse_odd_text(cls, value: object) -> object:
        """A job's script has lines: a line break would begin another, and a lone surrogate has no bytes."""
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not text.replace("\t", " ").isprintable():
                raise ValueError(f"{text[:60]!r} has a line break or another invisible character; write one line")
        return value

    @field_validator("options")
    @classmethod
    def _refuse_own_options(cls, options: list[str]) -> list[str]:
        for option in options:
            name = option.strip().lstrip("-").partition("=")[0]
            if not name or name in OWN_OPTIONS:
                hint = f"; use slurm.{setting}" if (setting := OWN_OPTIONS.get(name)) else ""
                raise ValueError(f"{option!r} is not allowed in `options`, since jobs depend on it{hint}")
        return options

    @model_validator(mode="after")
    def _check_notice(self) -> Self:
        if self.notice >= 3600 * self.hours:
            raise ValueError(f"a notice of {self.notice} s must be shorter than the time limit of {self.hours:g} hours")
        return self
