"""Finds the weights in a file that a training script saved."""

from collections.abc import Iterator
from typing import Any

from tfseg.checkpoints.names import Inert, Tensor
from tfseg.checkpoints.source import ReadingError

# Scripts save weights under many names. Among several of similar size, averages come first, because
# those were validated, then these names, then the order in the file.
AVERAGED = ("ema", "teacher", "averaged", "avg", "swa")
USUAL = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module")
_OTHERS = ("optim", "sched", "scaler")  # tensors under these are not weights
_DEEPEST = 4


def find_state_dict(saved: Any) -> tuple[dict[str, Tensor], list[str]]:
    """The state dict in a file's contents, key -> tensor, and notes on the choice.

    Raises `ReadingError` if there is none.
    """
    found = [(where, tensors) for where, tensors in _state_dicts(saved, ()) if tensors]
    if not found:
        raise ReadingError(_instead(saved))
    most = max(len(tensors) for _, tensors in found)
    large = [entry for entry in found if 2 * len(entry[1]) >= most]
    where, tensors = min(large, key=lambda entry: rank(entry[0]))
    others = [".".join(other) for other, _ in large if other != where]
    notes = [f"using its {'.'.join(where)}, not {', '.join(others)}"] if others else []
    return tensors, notes


def rank(where: tuple[str, ...]) -> int:
    """The priority of the weights under these names; the smallest number wins."""
    if is_averaged(where):
        return 0
    return 1 + min((USUAL.index(name) for name in where if name in USUAL), default=len(USUAL))


def is_averaged(where: tuple[str, ...]) -> bool:
    """Whether the names say that the weights are averages over training steps."""
    return any(word in AVERAGED for name in where for word in name.lower().split("_"))


def _state_dicts(value: Any, where: tuple[str, ...]) -> Iterator[tuple[tuple, dict]]:
    if not isinstance(value, dict) or len(where) > _DEEPEST:
        return
    if any(word in name.lower() for name in where for word in _OTHERS):
        return
    yield where, {k: v for k, v in value.items() if isinstance(k, str) and isinstance(v, Tensor)}
    for key, inner in value.items():
        if isinstance(key, str) and isinstance(inner, dict):
            yield from _state_dicts(inner, (*where, key))


def _instead(saved):
    """The message if no state dict was found."""
    kinds = [saved, *(saved.values() if isinstance(saved, dict) else ())]
    objects = [value.name for value in kinds if isinstance(value, Inert)]
    if objects:
        return (
            f"it holds a {objects[0]}, which is not a tensor and is not loaded; save only the "
            f"state dict: torch.save(model.state_dict(), 'new.pth')"
        )
    keys = [str(key)[:40] for key in saved][:5] if isinstance(saved, dict) else []
    return f"it holds no state dict{', but ' + ', '.join(keys) if keys else ''}"
