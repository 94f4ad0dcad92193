"""The one error that is the user's to mend."""


class UserError(Exception):
    """Bad input, said in one line that names the file, the key and what is allowed; exit code 2, no traceback."""
