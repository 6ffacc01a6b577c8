"""The README and the pages: what they refer to exists, their commands are real, their pictures are the showcases'."""

import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image

import analyze
import launch
from docs import crop_figures as figures
from docs.conf import linked_from_docs
from suites.settings import Settings

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "index.md")  # that one is for Sphinx
PROGRAMS: dict[str, Callable[[list[str]], int]] = {"launch.py": launch.main, "analyze.py": analyze.main}
every_page = pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)


def tokens(text: str) -> Iterator[Token]:
    """All tokens of a page, those within a line too."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or ()


def targets(text: str) -> list[str]:
    """What the links and pictures of a page lead to."""
    found = []
    for token in tokens(text):
        if token.type in ("html_block", "html_inline"):
            found += re.findall(r'(?:src|href)="([^"]+)"', token.content)
        elif target := token.attrs.get("href") or token.attrs.get("src"):
            found.append(str(target))
    return found


def code(text: str) -> list[str]:
    """Lines of code blocks, and code within lines."""
    pieces = [token.content for token in tokens(text) if token.type in ("fence", "code_block", "code_inline")]
    return [line for piece in pieces for line in piece.splitlines()]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    found: set[str] = set()
    headings = [token for token in MarkdownIt().parse(text) if token.type in ("heading_open", "inline")]
    for opening, heading in itertools.pairwise(headings):
        if opening.type == "heading_open":
            words = "".join(part.content for part in heading.children or ())
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            copies = sum(re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other) is not None for other in found)
            found.add(f"{slug}-{copies}" if copies else slug)
    return found


def missing(page: Path, text: str) -> list[str]:
    """The targets of a page that lead nowhere."""
    lost = []
    for target in targets(text):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        if not path.is_file() or (anchor and anchor not in anchors(path.read_text())):
            lost.append(target)
    return lost


def options(program: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The options that the help of a command has."""
    with pytest.raises(SystemExit) as stopped:
        PROGRAMS[program]([*arguments, "--help"])
    assert stopped.value.code == 0, f"{program} {shlex.join(arguments)} is no command"
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", capsys.readouterr().out))


def commands(text: str) -> list[list[str]]:
    """The command lines of a page, from the program on."""
    found = []
    for line in code(text):
        if called := re.search(r"(?<![\w/])(launch|analyze)\.py .*", line):
            found.append(shlex.split(called[0].split("  ")[0], comments=True))
    return found


def test_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_readme_lists_every_page() -> None:
    listed = {target for target in targets(README.read_text()) if re.fullmatch(r"docs/[\w-]+\.md", target)}
    assert listed == {f"docs/{page.name}" for page in PAGES}


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    assert missing(page, page.read_text()) == []


def test_lost_links_are_found() -> None:
    text = (
        "# Two `words`!\n# Two words\n[a](#two-words-1) ![b](gone.png) `[c](code.md)`\n\n| [d](suites.md#gone) |\n|-|"
    )
    assert anchors(text) == {"two-words", "two-words-1"}
    assert targets(text) == ["#two-words-1", "gone.png", "suites.md#gone"]
    page = ROOT / "docs/cluster.md"
    assert missing(page, "[a](gone.md) [b](#gone) [c](suites.md#gone)") == ["gone.md", "#gone", "suites.md#gone"]
    assert missing(page, 'A <img src="gone.gif" width="9">') == ["gone.gif"]
    assert missing(page, "[a](suites.md) [b](#containers) [c](suites.md#presets) ![d](cheetah.gif)") == []


@every_page
def test_commands_and_their_options_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for program, *arguments in commands(page.read_text()):
        verb = arguments[:1] if program == "launch.py" else []
        used = {word.partition("=")[0] for word in arguments if word.startswith("-")}
        assert used <= options(program, verb, capsys), f"{program} {shlex.join(arguments)}"


def test_options_named_alone_exist(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs/command-line.md").read_text()
    verbs = {arguments[1] for arguments in commands(text) if arguments[0] == "launch.py"}
    known = set().union(*(options("launch.py", [verb], capsys) for verb in verbs))
    named = {option for line in code(text) for option in re.findall(r"^--[a-z-]+", line)}
    assert named
    assert named <= known


def test_every_verb_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    options("launch.py", [], capsys)  # the first help may import what prints
    with pytest.raises(SystemExit):
        launch.main(["--help"])
    verbs = set(re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE))
    described = {words[1] for words in commands((ROOT / "docs/command-line.md").read_text()) if words[0] == "launch.py"}
    assert described == verbs


@every_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {target for line in code(page.read_text()) for target in re.findall(r"^make ([a-z-]+)", line)}
    assert used <= targets


@every_page
def test_named_files_exist(page: Path) -> None:
    text = "\n".join(code(page.read_text()))
    made = set(re.findall(r"^ *# ((?:suites|tests)/\S+)$", text, re.MULTILINE))  # by the page itself
    named = re.findall(r"(?<![\w/])(?:suites|results/(?:published|showcase))/[\w/.-]+\.\w+", text)
    assert [name for name in named if not (ROOT / name).exists() and name not in made] == []


@every_page
def test_named_settings_exist(page: Path) -> None:
    settings = Settings().model_dump(by_alias=True)
    groups = {name: value for name, value in settings.items() if isinstance(value, dict)}
    for line in code(page.read_text()):
        for group, name in re.findall(r"^([a-z_]+)\.([a-z_]+)(?=:|$)", line):
            assert name in groups.get(group, {name}), f"{group}.{name}"


def test_every_suite_is_listed() -> None:
    listed = {name for line in code((ROOT / "docs/suites.md").read_text()) for name in re.findall(r"^\w+$", line)}
    suites = {path.stem for path in (ROOT / "suites").glob("*.yaml") if re.search("^tasks:", path.read_text(), re.M)}
    assert suites - {"example"} <= listed


@pytest.mark.parametrize("name", sorted(figures.shown()))
def test_pictures_are_the_showcases_without_their_caption(name: str) -> None:
    cut = figures.without_caption(figures.SHOWCASE / name)
    with Image.open(figures.FIGURES / name) as ours, Image.open(figures.SHOWCASE / name) as whole:
        assert (ours.size, ours.tobytes()) == (cut.size, cut.tobytes()), "run make docs-figures"
        caption = np.asarray(whole)[ours.height :].astype(int)
    assert caption.size
    assert np.ptp(caption, axis=-1).max() == 0  # it is grey, and the figure has colours: none of those is cut off


def test_no_picture_is_left_over() -> None:
    found = {str(path.relative_to(figures.FIGURES)) for path in figures.FIGURES.rglob("*") if path.is_file()}
    assert found == figures.shown()


def test_readme_links_from_the_site() -> None:
    text = "[a](docs/x.md#y) ![b](docs/z.png) [c](LICENSE) [d](https://e.f/g) [h](#i)"
    assert linked_from_docs(text) == "[a](x.md#y) ![b](z.png) [c](../LICENSE) [d](https://e.f/g) [h](#i)"


def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the environment is older than requirements.lock")
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "docs", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    pages = {page.stem for page in PAGES} | {"index"}
    assert pages <= {path.stem for path in (tmp_path / "site").glob("*.html")}
    assert "cheetah_cpu" in (tmp_path / "site/index.html").read_text()
