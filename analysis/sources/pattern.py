"""The user's layout of files: a pattern of a path such as `{variant}/{task}/*_{seed}/version_0`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from common.errors import UserError
from common.text import nearest, shortened

NAMES = ("suite", "task", "variant", "seed")
FIELD = re.compile(r"\{(.*?)\}|(\*)")


@dataclass(frozen=True)
class Pattern:
    """A layout; each part is the name of a folder, the last may be that of a file.

    `{task}`, `{variant}`, `{seed}` (digits) and `{suite}` stand for names, `*` for anything else within a part.
    """

    text: str
    parts: Sequence[re.Pattern[str]]

    @classmethod
    def of(cls, text: str) -> Self:
        """The pattern of a text.

        Raises:
            UserError: It has an unknown field, or a field twice.
        """
        fields = [match[1] for match in FIELD.finditer(text) if match[1] is not None]
        for field in fields:
            if field not in NAMES:
                near = nearest(field, NAMES)
                hint = f"; did you mean {{{near}}}?" if near else ""
                allowed = ", ".join(f"{{{name}}}" for name in NAMES)
                shown = shortened(text)
                raise UserError(f"--layout {shown}: unknown {{{shortened(field)}}}; allowed: {allowed} and *{hint}")
        if len(set(fields)) < len(fields) or not fields:
            raise UserError(
                f"--layout {shortened(text)}: expected each of {{task}}, {{variant}}, {{seed}} at most once, and one"
            )
        return cls(text, [_compiled(part) for part in text.strip("/").split("/")])

    @property
    def fields(self) -> set[str]:
        """The names that it has."""
        return {name for part in self.parts for name in part.groupindex}

    def find(self, root: Path) -> Iterator[tuple[Path, Mapping[str, str]]]:
        """The paths in a folder that fit, sorted, each with the names in its path."""
        found: list[tuple[Path, dict[str, str]]] = [(root, {})]
        for part in self.parts:
            found = [
                (path, names | match.groupdict())
                for folder, names in found
                if folder.is_dir()
                for path in sorted(folder.iterdir())
                if path.name[0] != "." and path.name.isprintable() and (match := part.fullmatch(path.name))
            ]
        yield from found

    def names(self, path: Path) -> Mapping[str, str] | None:
        """The names in the last parts of a path; None if they do not fit."""
        found: dict[str, str] = {}
        ends = path.parts[-len(self.parts) :]
        if len(ends) < len(self.parts):
            return None
        for part, name in zip(self.parts, ends, strict=True):
            if not (match := part.fullmatch(name)):
                return None
            found |= match.groupdict()
        return found


def _compiled(part: str) -> re.Pattern[str]:
    """A part as a regular expression: names are at least one character, seeds are digits."""
    text, end = "", 0
    for match in FIELD.finditer(part):
        text += re.escape(part[end : match.start()])
        text += ".*" if match[2] else f"(?P<{match[1]}>{'[0-9]{1,15}' if match[1] == 'seed' else '.+'})"
        end = match.end()
    return re.compile(text + re.escape(part[end:]), re.DOTALL)
