"""Refusals: a status and one line with the reason."""

from fastapi import HTTPException
from fastapi.responses import JSONResponse


def refusal(status, message, headers=None):
    """A response `{"error": message}`, one line that can be encoded whatever the request held."""
    line = " ".join(str(message).split()).encode("utf-8", "backslashreplace").decode()
    return JSONResponse({"error": line}, status, headers)


BUSY = (503, "overloaded; try again", {"Retry-After": "1"})  # seconds


def busy():
    """The error to raise if there is no room for a request."""
    return HTTPException(*BUSY)
