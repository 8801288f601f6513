"""TensorFlow Serving's REST API: status, metadata, predict."""

import math

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from google.protobuf.json_format import MessageToDict
from starlette.convertors import IntegerConvertor, StringConvertor, register_url_convertor

from tfseg.serving.pictures import count_pixels, for_graph
from tfseg.serving.schemas import POST_ERRORS, PREDICT, PREDICT_ANSWER, STATUS, errors, json_of
from tfseg.serving.tensors import read_request, write_answer


class _Name(StringConvertor):
    regex = "[^/:]+"


class _Number(IntegerConvertor):
    regex = "[0-9]{1,18}"  # an int64


register_url_convertor("name", _Name())
register_url_convertor("number", _Number())
LATEST, ONE = "/{name:name}", "/{name:name}/versions/{number:number}"
router = APIRouter(prefix="/v1/models", tags=["TensorFlow Serving"])
FOUND = {"responses": {200: json_of(STATUS)} | errors(404)}
PREDICTION = {
    "openapi_extra": PREDICT,
    "responses": {200: json_of(PREDICT_ANSWER)} | errors(404) | POST_ERRORS,
}


@router.get(LATEST, **FOUND)
async def status(request: Request, name: str):
    """The state of every version seen so far."""
    states = _states(request, name)
    if not states:
        raise HTTPException(404, f"Could not find any versions of model {name}")
    newest_first = sorted(states.items(), reverse=True)
    return {"model_version_status": [_status(number, *state) for number, state in newest_first]}


@router.get(ONE, **FOUND)
async def status_of_version(request: Request, name: str, number: int):
    """The state of one version."""
    states = _states(request, name)
    if number not in states:
        raise HTTPException(404, f"Could not find version {number} of model {name}")
    return {"model_version_status": [_status(number, *states[number])]}


def _states(request, name):
    versions = request.app.state.service.versions
    return dict(versions.states) if name == versions.name else {}


def _status(number, state, error):
    code = "UNKNOWN" if error else "OK"
    status = {"error_code": code, "error_message": error}
    return {"version": str(number), "state": state, "status": status}


@router.get(LATEST + "/metadata", responses=errors(404))
async def metadata(request: Request, name: str):
    """The signatures: names, dtypes and shapes of inputs and outputs."""
    return _metadata(_version(request, name), name)


@router.get(ONE + "/metadata", responses=errors(404))
async def metadata_of_version(request: Request, name: str, number: int):
    """The signatures of one version, while it is served."""
    return _metadata(_version(request, name, number), name)


def _metadata(version, name):
    style = {"always_print_fields_with_no_presence": True, "preserving_proto_field_name": True}
    signatures = {
        key: MessageToDict(definition, **style) for key, definition in version.definitions.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version.number)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


@router.post(LATEST + ":predict", **PREDICTION)
async def predict(request: Request, name: str):
    """Runs a signature on `instances` (rows) or `inputs` (columns)."""
    return await _predict(request, _version(request, name))


@router.post(ONE + ":predict", **PREDICTION)
async def predict_by_version(request: Request, name: str, number: int):
    """Runs a signature of one version, while it is served."""
    return await _predict(request, _version(request, name, number))


async def _predict(request, version):
    service = request.app.state.service
    body = await request.body()
    signature, inputs, row = await service.decode(_read, body, version)
    pixels = await service.compute(_count, inputs, service.max_pixels)
    inputs = await service.compute(_upright, inputs, service.max_pixels, version.pixel_range)
    outputs = await service.run(version, signature, inputs, pixels)
    answer = await service.compute(write_answer, outputs, row)
    return Response(answer, media_type="application/json")


def _version(request, name, number=None):
    versions = request.app.state.service.versions
    version = versions.get(number) if name == versions.name else None
    if version is None:
        wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
        raise HTTPException(404, f"Servable not found for request: {wanted}")
    return version


def _read(body, version):
    try:
        return read_request(body, version)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None


def _count(inputs, max_pixels):
    """The number of pixels of all images; decodes no files, only reads their headers."""
    pixels = 0
    for array in inputs.values():
        if array.dtype == object:
            pixels += sum(count_pixels(data, max_pixels) for data in array.flat)
        else:
            pixels += math.prod(array.shape[:3])
    return pixels


def _upright(inputs, max_pixels, pixel_range):
    """The inputs, with files converted by `for_graph`."""
    upright = dict(inputs)
    for name, array in inputs.items():
        if array.dtype == object:
            files = [for_graph(data, max_pixels, pixel_range) for data in array.flat]
            upright[name] = np.array(files, object).reshape(array.shape)
    return upright
