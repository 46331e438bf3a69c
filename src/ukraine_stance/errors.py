"""Errors that carry whose fault they are, as the exit code of the command line."""


class StanceError(Exception):
    """A fault of ours: something the project promises did not hold."""

    exit_code = 1


class UserMistake(StanceError):
    """Input that cannot be used; the message names file, line or row, fault and remedy, one line per fault."""

    exit_code = 2


class CheckRefused(StanceError):
    """Looked at and refused by a rule (data check, promotion); the message names each rule and what broke it."""

    exit_code = 3


class ServiceGone(StanceError):
    """A service that the work needs does not answer; the message names where, what and how to mend it."""

    exit_code = 4
