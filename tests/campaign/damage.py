"""What is drawn: values that no one expects, and texts and files that were damaged."""

import re

from hypothesis import strategies as st

DEEP = 2000
VALUES = [
    "", "null", "~", "true", "no", "0", "-0", "-1", "1", "2", "0.5", "1e-320", "1e18", "1e308", "1e999",
    "inf", "-inf", "nan", ".inf", ".nan", "9" * 30, "9" * 5000, "1__0", "0x10", "1_000", "0o7", "1:30", "1,5",
    "[]", "{}", "[1, 2]", "[[0, 1], [2]]", "{a: 1}", "[" * DEEP, "{a: " * DEEP, "- " * DEEP, "&a [*a]", "*a", "<<: *a",
    "!!python/object/apply:os.system [id]", "!!binary aGk=", "'", '"', "'single", "# no", ": ", "- ", "? ", "| ", "> ",
    "..", "../..", "/", "a/b", ".", "~root", "*", "%s", "{task}", "{}", "$HOME", "`id`", ";id", "=1+1", "-x", "--help",
    "a" * 10_000, "a\tb", "a\nb", "a\rb", "a\x1b[31mb", "a\x07", "a\x85b", "a\u2028b", "a\u202eb", "\ufeff", "\ufffe",
    "\udcff", "é", "é", "名", "\N{GRINNING FACE}", "(", "a{999999}", "(a+)+$", "[[:alpha:]]", "dreamer", "toy_reach_8",
    "task", "seed", "variant", "steps=1", "a=b=c", "=", "0,1", "0..9", "no_such_thing",
]  # fmt: skip
values = (
    st.sampled_from(VALUES)
    | st.floats().map(repr)
    | st.integers().map(str)
    | st.integers(0, 400).map(lambda power: f"1e{power}")
    | st.text(st.characters(exclude_characters="\0"), max_size=20)
)
WORD = re.compile(r"[\w.+-]+")


@st.composite
def changed_text(draw: st.DrawFn, texts: list[str]) -> str:
    """One of some texts, with one to four lines or words of it changed."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        lines = text.splitlines(keepends=True) or [""]
        at, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        words = list(WORD.finditer(text))
        how = draw(st.sampled_from(["drop", "double", "swap", "deeper", "cut", "insert", "value", "value", "value"]))
        if how == "drop":
            del lines[at]
        elif how == "double":
            lines.insert(other, lines[at])
        elif how == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif how == "deeper":
            lines[at] = " " * draw(st.integers(1, 5)) + lines[at]
        text = "".join(lines)
        place = draw(st.integers(0, len(text)))
        if how == "cut":
            text = text[:place]
        elif how == "insert" or (how == "value" and not words):
            text = text[:place] + draw(values) + text[place:]
        elif how == "value":
            word = draw(st.sampled_from(words))
            text = text[: word.start()] + draw(values) + text[word.end() :]
    return text


@st.composite
def changed_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """A content of which bits are flipped, parts are missing or doubled, or numbers are others."""
    for _ in range(draw(st.integers(1, 3))):
        first, second = sorted(draw(st.integers(0, len(content))) for _ in range(2))
        how = draw(st.sampled_from(["empty", "cut", "flip", "flip", "drop", "double", "insert", "value", "value"]))
        numbers = list(re.finditer(rb"-?\d+(\.\d+)?", content[:100_000]))
        if how == "empty":
            content = b""
        elif how == "cut":
            content = content[:first]
        elif how == "flip" and first < len(content):
            content = content[:first] + bytes([content[first] ^ 1 << draw(st.integers(0, 7))]) + content[first + 1 :]
        elif how == "drop":
            content = content[:first] + content[second:]
        elif how == "double":
            content = content[:second] + content[first:second] + content[second:]
        elif how == "insert":
            content = content[:first] + draw(values).encode(errors="surrogatepass") + content[first:]
        elif how == "value" and numbers:
            number = draw(st.sampled_from(numbers))
            content = content[: number.start()] + draw(values).encode(errors="surrogatepass") + content[number.end() :]
    return content
