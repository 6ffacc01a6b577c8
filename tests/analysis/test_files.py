from pathlib import Path

from analysis import files


def test_files_of_an_earlier_analysis_are_replaced_and_others_kept(tmp_path: Path) -> None:
    folder, outside = tmp_path / "new" / "analysis", tmp_path / "mine.png"
    outside.write_text("mine")
    assert files.write_all(folder, {"b.png": b"1", "a.csv": "2"}) == [folder / "b.png", folder / "a.csv"]
    assert (folder / files.LISTING).read_text() == "a.csv\nb.png\n"
    (folder / "curves_of_mine.png").write_text("kept")
    (folder / files.LISTING).write_text("a.csv\nb.png\ngone.png\n../../mine.png\n\n..\n")
    files.write_all(folder, {"a.csv": "3"})
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "a.csv": "3", "curves_of_mine.png": "kept", files.LISTING: "a.csv\n",
    }  # fmt: skip
    assert outside.read_text() == "mine"
