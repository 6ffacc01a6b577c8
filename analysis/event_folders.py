"""Scores as TensorBoard event files: a folder for each run, as they are read too."""

import io
import math
import shutil
from pathlib import Path

import pandas as pd
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from analysis.scores import RUN, Scores
from analysis.sources.layout import folder_name, normal
from common import files
from common.errors import UserError
from common.text import listed

FILE = "events.out.tfevents.0.analyze"
SCALARS = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
WHOLE = 2**63  # steps of events are integers of 64 bits


def write(scores: Scores, metric: str, root: Path) -> None:
    """Writes one metric as `<root>/<suite>/<task>/<variant>/<seed>/`, all folders at once.

    An earlier export is replaced. Runs without a value of the metric are left out.

    Raises:
        UserError: The folder has other files, or a step is not whole, as the steps of events are.
    """
    root = Path(normal(root))
    others = [path.name for path in root.rglob("*") if not path.is_dir() and path.name != FILE]
    if others or (root.exists() and not root.is_dir()):
        raise UserError(f"{root} has files of another kind: {listed(others) or root.name}; export to a new folder")
    root.parent.mkdir(parents=True, exist_ok=True)
    fresh = files.temporary(root.with_name(f"{root.name}.new"))
    try:
        fresh.mkdir()
        rows = scores.table[scores.table["metric"] == metric]
        for names, run in rows.groupby(["suite", *RUN], observed=True, sort=False):
            folder = fresh.joinpath(*(folder_name(str(name)) for name in names))
            folder.mkdir(parents=True)
            files.write_file(folder / FILE, _events(run, metric))
        if root.exists():
            files.remove_folder(root)
        fresh.rename(root)
        files.sync_folder(root.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _events(run: pd.DataFrame, metric: str) -> bytes:
    """The values of a run in their order, each with the number of its episodes if that is known."""
    counted = f"{metric.rpartition('/')[0]}/episodes"
    content = io.BytesIO()
    writer = RecordWriter(content)
    writer.write(Event(file_version="brain.Event:2").SerializeToString())
    for step, value, episodes in run[["step", "value", "episodes"]].itertuples(index=False):
        if not step.is_integer() or not -WHOLE <= step < WHOLE:
            name = "/".join(map(str, run[RUN].iloc[0]))
            raise UserError(f"{name}: step {step:g} is no whole number, which TensorBoard expects; export to .csv")
        values = [_scalar(metric, value)] + ([] if math.isnan(episodes) else [_scalar(counted, episodes)])
        writer.write(Event(step=int(step), summary=Summary(value=values)).SerializeToString())
    return content.getvalue()


def _scalar(tag: str, value: float) -> Summary.Value:
    """A scalar with all digits, which the simpler form of TensorFlow 1 has not."""
    return Summary.Value(tag=tag, metadata=SCALARS, tensor=make_tensor_proto(value, dtype="float64"))
