"""The base of every room's settings."""

from pydantic import BaseModel


class Group(BaseModel, extra="forbid", frozen=True, populate_by_name=True):
    """A named block of settings; an unknown key is an error."""
