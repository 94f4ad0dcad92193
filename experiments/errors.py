"""The one error that is the user's to correct, and a loss that is not finite."""


class UserError(Exception):
    """Bad input, said in one line that names the file, the key and what is allowed; exit code 2, no traceback."""


class NotFinite(ArithmeticError):
    """A loss that is not finite ends its trial."""
