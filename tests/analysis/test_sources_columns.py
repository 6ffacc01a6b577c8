"""Tables of other tools: their columns, separators and forms."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.scores import Scores, join, scaled, usable
from analysis.sources import read
from common.errors import UserError

METRIC = "eval/return"


def finals(scores: Scores, metric: str = METRIC) -> dict[tuple[str, str, int], list[list[float]]]:
    """Run -> its steps and values."""
    table = usable(scores, metric)
    runs = table.groupby(["task", "variant", "seed"])[["step", "score"]]
    return {name: run.to_numpy().tolist() for name, run in runs}  # type: ignore[misc]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "header",
    [
        "env,agent,seed,frame,episode_return", "env_id,Algo,seed,global_step,return",
        "Task,method,Seed,timesteps,reward",
        "environment,algorithm,seed,Environment Steps,success", "game,variant,seed,steps,episodic_return",
    ],
)  # fmt: skip
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_common_columns_are_taken_and_said(tmp_path: Path, header: str, separator: str) -> None:
    rows = f"{header},hour\nreach,ours,4,10,1.5,0\nreach,ours,4,20,2.5,0\n"
    scores = read(write(tmp_path / "a.csv", rows.replace(",", separator)), METRIC)
    assert finals(scores) == {("reach", "ours", 4): [[10, 1.5], [20, 2.5]]}
    [note] = scores.notes
    for column in header.split(","):
        assert (f"{column} is the " in note) == (column not in ("variant", "method", "seed", "return"))


def test_a_decimal_comma_is_read_between_semicolons(tmp_path: Path) -> None:
    rows = "task;variant;seed;step;value\nreach;a, or b;4;10;1,5\nreach;a, or b;4;20;-2,5\n"
    scores = read(write(tmp_path / "a.csv", rows), METRIC)
    assert finals(scores) == {("reach", "a, or b", 4): [[10, 1.5], [20, -2.5]]}
    assert scores.notes == ("a.csv: a comma is the decimal point",)
    plain = read(write(tmp_path / "b.csv", rows.replace("1,5", "1.5").replace("2,5", "2.5")), METRIC)
    assert finals(plain) == finals(scores)


def test_chosen_columns_override_all_others(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "task,variant,seed,step,value,frame,won\nreach,ours,4,10,1.5,40,0\n")
    scores = read(path, METRIC, columns={"step": "frame", "value": "won"})
    assert finals(scores) == {("reach", "ours", 4): [[40, 0]]}
    with pytest.raises(UserError, match=r"no column wom for value; there are .*; did you mean won"):
        read(path, METRIC, columns={"value": "wom"})


def test_a_column_multiplies_the_steps_of_its_rows(tmp_path: Path) -> None:
    rows = "task,variant,seed,agent_step,value,skip\nreach,a,0,10,1,4\nreach,b,0,10,2,2\n"
    path = write(tmp_path / "a.csv", rows)
    assert read(path, METRIC).unit == "agent steps"
    scores = read(path, METRIC, columns={"factor": "skip"})
    assert finals(scores) == {("reach", "a", 0): [[40, 1]], ("reach", "b", 0): [[20, 2]]}
    assert scores.unit == "environment steps"
    assert scores.notes == ("a.csv: agent_step is the step, the step is multiplied by skip",)
    with pytest.raises(UserError, match=r"no column skp for factor; .*did you mean skip\?"):
        read(path, METRIC, columns={"factor": "skp"})
    for wrong in ("0", "-4", "inf", ""):
        with pytest.raises(UserError, match="row 3: step must be a finite number up to 1e15, not"):
            read(write(path, rows.replace(",2,2", f",2,{wrong}")), METRIC, columns={"factor": "skip"})
    with pytest.raises(UserError, match="column skip is given for both step and factor"):
        read(path, METRIC, columns={"step": "skip", "factor": "skip"})


def test_what_a_column_is_taken_before_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "task,variant,seed,step,frame,value\nreach,ours,0,5,10,1\n")
    assert read(path, METRIC).notes == ("a.csv: step is the step, not frame",)


@pytest.mark.parametrize(
    ("steps", "unit"),
    [
        (["frame"], "frames"), (["Frames", "num_frames"], "frames"), (["global_step"], "environment steps"),
        (["frame", "step"], "environment steps"), (["agent_steps"], "agent steps"),
        (["agent_step", "frame"], "environment steps or agent steps"),
    ],
)  # fmt: skip
def test_steps_have_the_unit_of_their_columns(tmp_path: Path, steps: list[str], unit: str) -> None:
    rows = "task,variant,seed,{},value\nreach,{},0,10,1\n"
    paths = [write(tmp_path / f"{i}.csv", rows.format(step, step)) for i, step in enumerate(steps)]
    scores = join(read(path, METRIC) for path in paths)
    assert scores.unit == unit
    assert scaled(scores, {steps[0]: 2}).unit == "environment steps"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("env,algo,seed,frame,reward,success", "reward and success could be the value; choose one with"),
        ("env,agent,algo,seed,step,value", "agent and algo could be the variant"),
        ("tsk,ours,seed,stepp,vallue", r"no columns task, variant, step, value; .*'tsk' for task\? .*'stepp'"),
        ("task,variant,seed,step", "no column value; there are task, variant, seed, step. expected"),
    ],
)  # fmt: skip
def test_what_is_missing_or_ambiguous_is_named_at_once(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(write(tmp_path / "a.csv", f"{header}\n"), METRIC)


def test_a_folder_of_tables_has_one_task_a_file(tmp_path: Path) -> None:
    for task in ("reach", "push"):
        write(tmp_path / f"ours/{task}.csv", "step,reward,seed\n0,1,1\n10,2,1\n0,3,2\n")
    scores = read(tmp_path / "ours", METRIC)
    runs = {(task, "ours", seed) for task in ("reach", "push") for seed in (1, 2)}
    assert set(finals(scores)) == runs
    assert set(scores.runs["suite"]) == {"ours"}
    assert set(finals(read(tmp_path, METRIC, "{variant}/{task}.csv"))) == runs
    assert set(finals(read(tmp_path / "ours/push.csv", METRIC, "{variant}/{task}.csv"))) == {
        run for run in runs if run[0] == "push"
    }


def test_columns_win_over_names_of_files(tmp_path: Path) -> None:
    write(tmp_path / "all/one.csv", "task,variant,seed,step,value\nreach,ours,1,10,2\n")
    assert set(finals(read(tmp_path / "all", METRIC))) == {("reach", "ours", 1)}


def test_an_export_of_wandb_is_read(tmp_path: Path) -> None:
    """One column a run and metric, with its least and greatest value beside it, and gaps where a run was not logged."""
    columns = {"Step": [0.0, 10.0, 20.0]}
    for seed in (3, 4):
        for ending in ("", "__MIN", "__MAX"):
            columns[f"cup_catch-ours-{seed} - {METRIC}{ending}"] = [1.0 * seed, np.nan, 2.0 * seed]
    path = tmp_path / "wandb_export.csv"
    pd.DataFrame(columns).to_csv(path, index=False, quoting=1)
    expected = {("cup_catch", "ours", seed): [[0, seed], [20, 2.0 * seed]] for seed in (3, 4)}
    assert finals(read(path, METRIC)) == expected
    path.write_text(path.read_text().replace("cup_catch-ours-", "ours on cup_catch #"))
    assert finals(read(path, METRIC, "{variant} on {task} #{seed}")) == expected
    with pytest.raises(UserError, match=r"run 'ours on cup_catch #3' does not tell task, variant and seed; .* one row"):
        read(path, METRIC)
    with pytest.raises(UserError, match="no values of 'loss'; there are eval/return"):
        read(path, "loss", "{variant} on {task} #{seed}")


def test_monitor_files_are_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"r": [1.0, 2.0, 4.0], "l": [100, 50, 70], "t": [1.0, 2, 3]})
    text = io.StringIO()
    table.to_csv(text, index=False)
    path = write(tmp_path / "sac/7.monitor.csv", '#{"t_start": 5.0, "env_id": "Reach-v1"}\n' + text.getvalue())
    expected = [[100.0, 1.0], [150.0, 2.0], [220.0, 4.0]]
    scores = read(path, METRIC)
    assert finals(scores) == {("Reach-v1", "sac", 7): expected}
    assert "task Reach-v1, variant sac, seed 7" in scores.notes[0]
    both = tmp_path / "sac"
    write(both / "12.monitor.csv", path.read_text())
    assert set(finals(read(both, METRIC))) == {("Reach-v1", "sac", 7), ("Reach-v1", "sac", 12)}
    with pytest.raises(UserError, match=r"no monitor file of Stable-Baselines3, .*: its columns are a, b"):
        read(write(tmp_path / "x.csv", "#{}\na,b\n1,2\n"), METRIC)


def test_monitor_files_of_other_names_are_numbered(tmp_path: Path) -> None:
    text = '#{"env_id": "Reach-v1"}\nr,l,t\n1,10,1\n2,10,2\n'
    for name in ("left", "right"):
        write(tmp_path / f"ppo/{name}.monitor.csv", text)
        write(tmp_path / f"runs/Push-v2/{name}/monitor.csv", text)
    scores = read(tmp_path / "ppo", METRIC)
    assert set(finals(scores)) == {("Reach-v1", "ppo", 0), ("Reach-v1", "ppo", 1)}
    assert [note.partition(";")[0] for note in scores.notes] == [
        "left.monitor.csv: a monitor file", "right.monitor.csv: a monitor file",
    ]  # fmt: skip
    scores = read(tmp_path / "runs", METRIC, "{task}/*/monitor.csv")
    assert set(finals(scores)) == {("Push-v2", "runs", 0), ("Push-v2", "runs", 1)}


def test_tables_in_folders_are_named_with_a_layout_that_reads_them(tmp_path: Path) -> None:
    for name in ("reach_4", "reach_5"):
        write(tmp_path / f"logs/{name}/eval.csv", "step,episode_reward\n10,1\n20,2\n")
    with pytest.raises(UserError, match=r"no runs, but 2 tables, such as reach_4/eval.csv; .*") as error:
        read(tmp_path / "logs", METRIC)
    layout = str(error.value).rpartition("--layout ")[2].strip("'")
    assert set(finals(read(tmp_path / "logs", METRIC, layout))) == {("logs", "reach", 4), ("logs", "reach", 5)}


def test_tables_without_a_seed_are_numbered_by_a_layout_without_one(tmp_path: Path) -> None:
    """As of RLlib, whose folders have random endings."""
    rows = "training_iteration,timesteps_total,episode_reward_mean\n1,10,1\n2,20,2\n"
    for name in ("sac_Reach_x3", "sac_Reach_k9", "ppo_Reach_q1"):
        write(tmp_path / f"{name}/progress.csv", rows)
    scores = read(tmp_path, METRIC, "{variant}_{task}_*/progress.csv")
    assert set(finals(scores)) == {("Reach", "sac", 0), ("Reach", "sac", 1), ("Reach", "ppo", 0)}


def test_a_log_of_spinning_up_is_read(tmp_path: Path) -> None:
    rows = "Epoch\tAverageEpRet\tTotalEnvInteracts\n0\t1.5\t10\n1\t2.5\t20\n"
    write(tmp_path / "reach_sac/reach_sac_s7/progress.txt", rows)
    scores = read(tmp_path, METRIC, "{task}_{variant}/*_s{seed}/progress.txt")
    assert finals(scores) == {("reach", "sac", 7): [[10, 1.5], [20, 2.5]]}
    with pytest.raises(UserError, match=r"such as reach_sac/reach_sac_s7/progress\.txt"):
        read(tmp_path, METRIC)


def test_spaces_after_separators_are_no_part_of_names(tmp_path: Path) -> None:
    rows = "task, variant, seed, step, value\nreach, ours, 0, 10, 1.5\nreach, ours, a b, 10, 2.5\n"
    scores = read(write(tmp_path / "a.csv", rows), METRIC)
    assert finals(scores) == {("reach", "ours", 0): [[10, 1.5]], ("reach", "ours", 1): [[10, 2.5]]}
    assert scores.notes == ("a.csv: seeds that are text are numbered: a b is 1",)


def test_several_files_of_one_run_are_refused(tmp_path: Path) -> None:
    """As of Stable-Baselines3 with several environments, each with a file."""
    for number in range(2):
        write(tmp_path / f"ppo_3/{number}.monitor.csv", '#{"env_id": "Reach-v1"}\nr,l,t\n1,10,1\n')
    with pytest.raises(UserError, match=r"several files have task Reach-v1, variant ppo, seed 3; .* --layout"):
        read(tmp_path, METRIC, "{variant}_{seed}/*.monitor.csv")
    assert len(read(tmp_path, METRIC, "{variant}_{seed}/0.monitor.csv").runs) == 1


def test_a_table_that_tells_frames_from_steps_counts_agent_steps(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "task,variant,seed,step,frame,value\nreach,ours,0,5,10,1\n")
    assert read(path, METRIC).unit == "agent steps"
    assert read(path, METRIC, columns={"step": "frame"}).unit == "frames"
