"""The command families, in the order they register: the table of contents."""
from . import t_string

__all__ = ["t_string"]
