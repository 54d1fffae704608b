"""The exceptions derandcut raises on purpose."""

__all__ = ["DerandcutError", "InputError", "MissingDependencyError"]


class DerandcutError(Exception):
    """Base class of every exception derandcut raises on purpose."""


class InputError(DerandcutError, ValueError):
    """The input is not what it has to be.

    The message is one line: for a file its name, the line, and what was expected
    there; for an argument its name and what was expected of it.
    """


class MissingDependencyError(DerandcutError, ImportError):
    """An optional package is needed; the message names the install command."""
