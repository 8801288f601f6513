"""Reads a pickle into plain data without calling, importing or creating anything that it names.

A pickle is a program that names functions and calls them, and Python's unpickler runs it. This
machine reads the same instructions but knows only lists, dicts, numbers and tensors; everything
else becomes an `Inert`. It also keeps a few bytes from claiming gigabytes: Python's unpickler
allocates whatever size an instruction mentions.
"""

import pickletools
from typing import Any, BinaryIO

from tfseg.checkpoints.names import (
    ADMITTED,
    Inert,
    Name,
    Storage,
    checked_name,
    inert,
    persistent,
    put,
)
from tfseg.checkpoints.source import DamageError, ReadingError, Source

MOST = 3_000_000  # instructions and items; a thousand tensors and their optimizer take 100,000


def unpickled(file: BinaryIO, storages: list[Storage] | None = None) -> Any:
    """The contents of one pickle as plain containers, `Tensor` and `Inert`.

    Reads `file` from its current position to the end of the pickle. Dicts keep only text and
    numbers as keys. Sets become lists.

    Args:
        file: an open file, positioned at the pickle.
        storages: a list to which every storage that the pickle refers to is added.

    Raises:
        ReadingError: if the pickle is damaged, too large or harmful.
    """
    machine = _Machine(storages)
    try:
        for opcode, argument, _ in pickletools.genops(_Measured(file)):
            machine.spend(1)
            machine.do(opcode.name, argument)
        return machine.stack[-1]
    except ReadingError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DamageError(f"its pickle is damaged ({error})") from None


class _Measured:
    """A file whose reads are limited to its size, because Python allocates the requested size."""

    def __init__(self, file):
        self.file, self.tell, self.readline = file, file.tell, file.readline
        self.size = Source(file, file.tell()).size

    def read(self, count):
        return self.file.read(min(count, self.size))


_CONSTANTS = {
    opcode.name
    for opcode in pickletools.opcodes
    if opcode.arg and opcode.stack_before == [] and len(opcode.stack_after) == 1
} - {"GET", "BINGET", "LONG_BINGET", "GLOBAL", "PERSID", "EXT1", "EXT2", "EXT4", "BYTEARRAY8"}
_WORDS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    def __init__(self, storages):
        self.storages = [] if storages is None else storages
        self.stack, self.below, self.memo, self.spent = [], [], {}, 0

    def spend(self, count):
        self.spent += count
        if self.spent > MOST:
            raise DamageError(f"its pickle has more than {MOST:,} steps")

    def do(self, name, argument):
        if name in _CONSTANTS:
            self.stack.append(argument)
        elif name in _WORDS:
            self.stack.append(_WORDS[name])
        elif name in _TUPLES:
            self.stack.append(tuple(self._taken(_TUPLES[name])))
        elif name.endswith("PUT"):
            self.memo[argument] = self.stack[-1]
        elif name.endswith("GET"):
            self.stack.append(self.memo[argument])
        else:
            method = getattr(self, f"_{name.lower()}", None)
            if method is None:
                raise DamageError(f"its pickle has an instruction {name}; no checkpoint needs it")
            method(argument)

    def _taken(self, count):
        items = self.stack[len(self.stack) - count :]
        if len(items) < count:
            raise DamageError("its pickle is inconsistent")
        del self.stack[len(self.stack) - count :]
        return items

    def _marked(self):
        items, self.stack = self.stack, self.below.pop()
        self.spend(len(items))
        return items

    def _mark(self, _):
        self.below.append(self.stack)
        self.stack = []

    def _proto(self, _):
        pass

    _frame = _stop = _proto

    def _pop(self, _):
        self._taken(1)

    def _pop_mark(self, _):
        self._marked()

    def _dup(self, _):
        self.stack.append(self.stack[-1])

    def _memoize(self, _):
        self.memo[len(self.memo)] = self.stack[-1]

    def _empty_list(self, _):
        self.stack.append([])

    _empty_set = _empty_list

    def _empty_dict(self, _):
        self.stack.append({})

    def _list(self, _):
        items = self._marked()
        self.stack.append(items)

    def _tuple(self, _):
        items = self._marked()
        self.stack.append(tuple(items))

    _frozenset = _tuple

    def _dict(self, _):
        items = self._marked()
        self.stack.append({})
        put(self.stack[-1], items)

    def _append(self, _):
        item = self.stack.pop()
        if isinstance(self.stack[-1], list):
            self.stack[-1].append(item)

    def _appends(self, _):
        items = self._marked()
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    _additems = _appends

    def _setitem(self, _):
        items = self._taken(2)
        put(self.stack[-1], items)

    def _setitems(self, _):
        items = self._marked()
        put(self.stack[-1], items)

    def _global(self, argument):
        self.stack.append(checked_name(*argument.split(" ", 1)))

    def _stack_global(self, _):
        module, name = self._taken(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise DamageError("its pickle names an object with something other than text")
        self.stack.append(checked_name(module, name))

    def _reduce(self, _):
        function, arguments = self._taken(2)
        self.stack.append(self._called(function, arguments))

    _newobj = _reduce

    def _newobj_ex(self, _):
        function, _, _ = self._taken(3)
        self.stack.append(inert(function))

    def _inst(self, argument):
        self._marked()
        self.stack.append(inert(checked_name(*argument.split(" ", 1))))

    def _obj(self, _):
        function = self._marked()[0]
        self.stack.append(inert(function))

    def _build(self, _):
        state = self.stack.pop()
        if isinstance(self.stack[-1], Inert):
            self.stack[-1].state = state

    def _binpersid(self, _):
        found = persistent(self.stack.pop())
        if isinstance(found, Storage):
            self.storages.append(found)
        self.stack.append(found)

    def _called(self, function, arguments):
        known = isinstance(function, Name) and function in ADMITTED
        if not known or not isinstance(arguments, tuple):
            return inert(function)
        self.spend(sum(len(a) for a in arguments if isinstance(a, list | tuple)))
        return ADMITTED[function](*arguments)
