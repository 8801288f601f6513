"""Parsers of flags. Each raises `ValueError` with a text on what is wanted."""

import math
import re

from tfseg.addresses import place_of


def size(text):
    """Text like "360x480" -> (360, 480): height times width in pixels."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or not all(map(int, match.groups())):
        raise ValueError("a size like 360x480 (height x width, pixels)")
    return tuple(map(int, match.groups()))


def gpus(text):
    """Text like "0,1" -> (0, 1); "-1" -> (): the CPU."""
    if text == "-1":
        return ()
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise ValueError("GPU numbers like 0 or 0,1, or -1 for the CPU")
    numbers = tuple(int(number) for number in text.split(","))
    if len(set(numbers)) < len(numbers):
        raise ValueError("each GPU number once")
    return numbers


def span(text):
    """Text like "0.6,1.8" -> (0.6, 1.8)."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise ValueError("two numbers like 0.6,1.8") from None
    if not 0 < low <= high:
        raise ValueError("two numbers above zero, the smaller first, like 0.6,1.8")
    return low, high


def value_range(text):
    """Text like "0,4095" -> (0.0, 4095.0)."""
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError("two numbers like 0,4095, for black and a larger one for white")
    return low, high


def names(text):
    """Text like "train,val" -> ("train", "val")."""
    every = tuple(text.split(","))
    if not all(every) or len(set(every)) < len(every):
        raise ValueError("names like train,val, each once")
    return every


def folders(text):
    """Text like "runs/a,runs/b" -> their paths."""
    every = tuple(map(path, text.split(",")))
    if not all(text.split(",")) or len(set(every)) < len(every):
        raise ValueError("folders like runs/a,runs/b, each once")
    return every


def path(text):
    """Text like "~/photos" or "s3://bucket/photos" -> its path; for an address, its mirror's."""
    return place_of(text)


def page_file(text):
    """Text like "report.html" -> its path; refuses a folder."""
    if path(text).is_dir():
        raise ValueError("a file like report.html, not a folder")
    return path(text)


def ray_address(text):
    """Text such as "auto" or "ray://10.0.0.1:10001", unchanged."""
    if text != "auto" and not re.fullmatch(r"ray://[\w.-]+:\d{1,5}", text):
        raise ValueError("auto, or the address of a cluster such as ray://10.0.0.1:10001")
    return text


def numbers(text):
    """Text like "2,0.5" -> (2.0, 0.5)."""
    try:
        every = tuple(map(float, text.split(",")))
    except ValueError:
        every = ()
    if not every or min(every) <= 0:
        raise ValueError("numbers above zero like 2,1")
    return every


def shares(text):
    """Text like "0.4,0.6" -> (0.4, 0.6), each above 0 and below 1."""
    try:
        every = tuple(map(float, text.split(",")))
    except ValueError:
        every = ()
    if not every or not all(0 < number < 1 for number in every):
        raise ValueError("numbers between 0 and 1 like 0.4,0.6")
    return every


def widths(text):
    """Text like "128,64,32" -> (128, 64, 32): channels."""
    every = text.split(",")
    if not all(re.fullmatch("[1-9][0-9]*", number) for number in every):
        raise ValueError("whole numbers above zero like 128,64,32")
    return tuple(map(int, every))


def count_or_all(text):
    """Text like "3" -> 3; "all" stays."""
    if text != "all" and not (text.isdecimal() and int(text) >= 1):
        raise ValueError("a number from 1 up, or all")
    return text if text == "all" else int(text)


def switch(text):
    """Text "True" or "False" -> bool."""
    if text.lower() not in ("true", "false"):
        raise ValueError("True or False")
    return text.lower() == "true"
