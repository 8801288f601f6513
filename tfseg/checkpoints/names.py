"""What the names in a pickle become: PyTorch tensors, plain containers, or an `Inert`."""

from dataclasses import dataclass, field
from typing import Any

from tfseg.checkpoints.source import DamageError, ReadingError


@dataclass(frozen=True)
class Name:
    """A function or class named in the pickle."""

    module: str
    name: str

    def __str__(self):
        return f"{self.module}.{self.name}"


@dataclass
class Inert:
    """The placeholder for an object of unknown class: it only records its name and state."""

    name: str
    state: Any = None
    items: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Storage:
    """A range of stored numbers: `count` of type `kind` ("FloatStorage") from `start` in `key`."""

    kind: str
    key: str
    count: int
    start: int = 0


@dataclass(frozen=True)
class Tensor:
    """A PyTorch tensor: a view of a storage; strides count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


# No checkpoint has a reason to name these. They would not run here, but show bad intent.
HARMFUL = {
    "os", "posix", "nt", "subprocess", "sys", "builtins", "__builtin__", "importlib", "runpy",
    "shutil", "socket", "ctypes", "pty", "commands", "popen2", "code", "webbrowser", "pdb", "bdb",
    "timeit", "pip", "urllib", "http", "requests", "pickle", "_pickle", "platform", "torch.hub",
    "signal", "asyncio", "_posixsubprocess",
}  # fmt: skip
HARMLESS = {
    "set", "frozenset", "dict", "list", "tuple", "int", "float", "str", "bytes", "bytearray",
    "complex", "bool", "slice", "range", "object", "type", "getattr", "long", "unicode", "print",
}  # fmt: skip


def checked_name(module, name):
    root = module.partition(".")[0]
    if (root in HARMFUL or module in HARMFUL) and not (
        root in ("builtins", "__builtin__") and name in HARMLESS
    ):
        raise ReadingError(
            f"it holds {module}.{name}, which is a call, not a tensor; nothing was run and nothing "
            f"loaded; get the weights from a source you trust"
        )
    return Name(module, name)


def inert(function):
    return Inert(str(function) if isinstance(function, Name) else "result of a call")


def put(target, items):
    if isinstance(target, Inert):
        target = target.items
    if isinstance(target, dict):
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Other keys would be hashed, and hashing deeply nested tuples crashes the process.
            if isinstance(key, str | int | float | bytes):
                target[key] = value


def persistent(reference):
    """The storage that a reference means, or in old files a class, whose source is ignored."""
    kind, *rest = reference
    if kind == "module":
        return rest[0]
    storage, key, _, count, *views = rest
    start = 0
    if views and views[0] is not None:
        _, start, count = views[0]
    known = isinstance(storage, Name) and isinstance(key, str) and kind == "storage"
    if not known or {type(start), type(count)} != {int}:
        raise DamageError("its pickle refers to numbers in an unknown way")
    return Storage(storage.name, key, count, start)


def _ordered_dict(pairs=()):
    made = {}
    for pair in pairs:
        put(made, list(pair))
    return made


def _tensor(storage, offset, shape, strides, *_):
    """PyTorch's `_rebuild_tensor_v2`."""
    whole = (offset, *shape, *strides)
    if not isinstance(storage, Storage) or any(type(number) is not int for number in whole):
        raise DamageError("it has a tensor that does not hold numbers")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _with_attributes(function, _, arguments, *__):
    """PyTorch's `_rebuild_from_type_v2`: a tensor with extra attributes."""
    known = isinstance(function, Name) and function in _TENSORS and isinstance(arguments, tuple)
    return _TENSORS[function](*arguments) if known else inert(function)


_TENSORS = {
    Name("torch._utils", "_rebuild_tensor"): _tensor,
    Name("torch._utils", "_rebuild_tensor_v2"): _tensor,
    Name("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    Name("torch._utils", "_rebuild_parameter_with_state"): lambda tensor, *_: tensor,
}
ADMITTED = {
    **_TENSORS,
    Name("torch._tensor", "_rebuild_from_type_v2"): _with_attributes,
    Name("collections", "OrderedDict"): _ordered_dict,
    Name("collections", "defaultdict"): lambda *_: {},
    Name("torch", "Size"): lambda sides=(): tuple(sides),
}
