import io
import re

import numpy as np
import pandas as pd
from markdown_it import MarkdownIt

from analysis import markdown, output
from analysis.tables import Table


def test_formulas_are_text_in_csv() -> None:
    frame = pd.DataFrame({"variant": ["=1+1", "@a", "-a", "a=1"], "mean": [-1.5, 2.0, np.nan, 3.25]})
    found = pd.read_csv(io.StringIO(output._csv(frame)))
    assert found["variant"].tolist() == ["'=1+1", "'@a", "'-a", "a=1"]
    assert output._csv(pd.DataFrame({"value": ["-1.5"]})) == "value\n-1.5\n"
    assert found["mean"].fillna(0).tolist() == [-1.5, 2.0, 0.0, 3.25]


def test_links_are_text_in_markdown() -> None:
    table = Table("t", [], ["variant", "mean"], [["[here](http://example.org)", "1 [0, 2]"]])
    text = markdown.to_markdown(table)
    assert r"[here]\(http\://example.org)" in text
    assert "1 [0, 2]" in text


def test_bare_addresses_are_text_in_markdown() -> None:
    """GitHub makes links of them where `://` or `www.` stands in the source, and takes a backslash for an escape."""
    for name in ("https://example.org/a", "see WWW.example.org", "ftp://example.org"):
        text = markdown.literal(name)
        assert not re.search(r"(?<!\\)://|www\.", text, re.IGNORECASE)
        assert MarkdownIt().renderInline(text) == name
    assert markdown.literal("a: b, www, c/d") == "a: b, www, c/d"


def test_whole_numbers_stay_whole_in_csv_beside_gaps() -> None:
    table = pd.DataFrame({"task": ["a", "b"], "seeds": pd.array([3, None], "Int64")})
    assert output._csv(table).splitlines() == ["task,seeds", "a,3", "b,nan"]
