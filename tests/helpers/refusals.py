"""Checks refusals of the command line."""

import pytest

from tfseg.cli import main


def refused(capsys, *argv):
    """The one line that the command line prints before it exits with code 2."""
    with pytest.raises(SystemExit) as stopped:
        main(list(argv))
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error
