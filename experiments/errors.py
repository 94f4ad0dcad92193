"""The one error that is the user's to correct, what could not be recorded, and a loss that is not finite."""


class UserError(Exception):
    """Bad input, said in one line that names the file, the key and what is allowed; exit code 2, no traceback."""

    code = 2


class NotWritten(UserError):
    """The tracking server was away to the end: what it lacks waits on disk; exit code 1."""

    code = 1


class NotFinite(ArithmeticError):
    """A loss that is not finite ends its trial."""
