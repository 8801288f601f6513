"""TensorFlow Serving's JSON: requests to tensors, tensors to responses.

Its "RESTful API" specifies both (tensorflow.org/tfx/serving/api_rest).
"""

import base64
import json
from itertools import chain

import numpy as np
import tensorflow as tf

MAX_RANK = 8  # of a tensor
_NUMBERS = {"u": {int}, "i": {int}, "f": {int, float}, "b": {bool}}


def read_request(body, version):
    """Bytes of a `predict` request -> (signature's name, {input: array}, whether in row format).

    Raises `ValueError`, in one line, for an invalid request of that `Version`.
    """
    request = _parse(body)
    signature = request.get("signature_name", "serving_default") or "serving_default"
    if not isinstance(signature, str):
        raise ValueError("'signature_name' key must be a string value.")
    if signature not in version.signatures:
        raise ValueError(f'Serving signature name: "{signature[:80]}" not found in signature def')
    specs = version.signatures[signature]
    if ("instances" in request) == ("inputs" in request):
        raise ValueError("Not formatted correctly: wanted one of 'instances' and 'inputs'")
    row = "instances" in request
    columns = _rows(request["instances"], specs) if row else _columns(request["inputs"], specs)
    inputs = {name: _array(name, columns[name], spec) for name, spec in specs.items()}
    if len({len(array) for array in inputs.values()}) > 1:
        raise ValueError("inputs differ in their first dimension")
    return signature, inputs, row


def write_answer(outputs, row):
    """{output: array} -> bytes of the response; the name of a single output is omitted.

    Strings are written byte for byte, unless the output's name ends in `_bytes`. TensorFlow
    Serving does the same: a PNG under another name is not valid UTF-8.
    """
    values = {name: _values(name, array) for name, array in outputs.items()}
    if len(values) == 1:
        (answer,) = values.values()
    elif row:
        answer = [dict(zip(values, one, strict=True)) for one in zip(*values.values(), strict=True)]
    else:
        answer = values
    text = json.dumps({"predictions" if row else "outputs": answer}, ensure_ascii=False)
    return text.encode("latin-1")


def _parse(body):
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise ValueError("JSON Value: Is not object")
    return request


def _is_base64(value):
    return isinstance(value, dict) and value.keys() == {"b64"}


def _rows(instances, specs):
    """Converts a list of values, or of objects with one value per input, to columns."""
    if not isinstance(instances, list) or not instances:
        raise ValueError("Expecting 'instances' to be a list with at least one element")
    if isinstance(instances[0], dict) and not _is_base64(instances[0]):
        for number, instance in enumerate(instances):
            if not isinstance(instance, dict) or instance.keys() != specs.keys():
                wanted = ", ".join(sorted(specs))
                raise ValueError(f"instance {number}: keys must be equal to: {wanted}")
        return {name: [instance[name] for instance in instances] for name in specs}
    return {_only(specs): instances}


def _columns(inputs, specs):
    if not isinstance(inputs, dict) or _is_base64(inputs):
        return {_only(specs): inputs}
    for name in specs:
        if name not in inputs:
            raise ValueError(f"Missing named input: {name} in 'inputs' object.")
    return inputs


def _only(specs):
    if len(specs) != 1:
        raise ValueError(f"wanted an object with the inputs {', '.join(sorted(specs))}")
    return next(iter(specs))


def _array(name, value, spec):
    """Nested lists -> an array with the dtype and shape of `spec`."""
    shape, values = _flat(name, value)
    if not spec.shape.is_compatible_with(shape) or 0 in shape or not shape:
        raise ValueError(f"input {name} has shape {shape}; wanted {spec.shape.as_list()}")
    if spec.dtype == tf.string:
        strings = np.empty(len(values), object)
        strings[:] = [_string(name, value) for value in values]
        return strings.reshape(shape)
    dtype = np.dtype(spec.dtype.as_numpy_dtype)
    if not set(map(type, values)) <= _NUMBERS[dtype.kind]:
        raise ValueError(f"input {name} holds a JSON value that is not of type {spec.dtype.name}")
    if dtype.kind in "ui":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        if min(values) < low or max(values) > high:
            raise ValueError(f"input {name} holds a number out of {low} to {high}")
    try:
        return np.array(values, dtype).reshape(shape)
    except OverflowError:
        raise ValueError(f"input {name} holds a number too large for {spec.dtype.name}") from None


def _flat(name, value):
    """(shape of nested lists, leaves in order), without recursion."""
    shape, values = [], [value]
    while values and isinstance(values[0], list):
        if set(map(type, values)) != {list} or len(set(map(len, values))) > 1:
            raise ValueError(f"input {name}: lists of different sizes at level {len(shape)}")
        if len(shape) == MAX_RANK:
            raise ValueError(f"input {name}: lists nested deeper than {MAX_RANK}")
        shape.append(len(values[0]))
        values = list(chain.from_iterable(values))
    return shape, values


def _string(name, value):
    """The bytes of a JSON string or of {"b64": "..."}; padding is optional."""
    if isinstance(value, str):
        return value.encode()
    if not _is_base64(value) or not isinstance(value["b64"], str):
        raise ValueError(f'input {name}: wanted a string or {{"b64": "..."}}')
    text = "".join(value["b64"].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise ValueError(f"input {name}: Unable to base64 decode") from None


def _values(name, array):
    if array.dtype != object:
        return array.tolist()
    texts = np.empty(array.shape, object)
    for index, value in np.ndenumerate(array):
        if name.endswith("_bytes"):
            texts[index] = {"b64": base64.b64encode(value).decode()}
        else:
            texts[index] = value.decode("latin-1")
    return texts.tolist()
