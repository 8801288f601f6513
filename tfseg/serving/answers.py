"""Refusals: a status, and one line that says why."""

from fastapi import HTTPException
from fastapi.responses import JSONResponse


def refusal(status, message, headers=None):
    """A response `{"error": message}`. Whatever a request brought, its line can be encoded."""
    line = " ".join(str(message).split()).encode("utf-8", "backslashreplace").decode()
    return JSONResponse({"error": line}, status, headers)


BUSY = (503, "overloaded; try again", {"Retry-After": "1"})  # seconds


def busy():
    """The error to raise where there is no room for a request."""
    return HTTPException(*BUSY)
