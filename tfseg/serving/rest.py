"""TensorFlow Serving's REST API: status, metadata, predict."""

import math

from fastapi import APIRouter, HTTPException, Request, Response
from google.protobuf.json_format import MessageToDict

from tfseg.serving.pictures import count_pixels
from tfseg.serving.schemas import POST_ERRORS, PREDICT, PREDICT_ANSWER, STATUS, errors, json_of
from tfseg.serving.tensors import read_request, write_answer

router = APIRouter(prefix="/v1/models", tags=["TensorFlow Serving"])
PREDICTION = {"openapi_extra": PREDICT, "responses": {200: json_of(PREDICT_ANSWER)} | POST_ERRORS}


@router.get("/{name}", responses={200: json_of(STATUS)} | errors(404))
@router.get("/{name}/versions/{number}", responses={200: json_of(STATUS)} | errors(400, 404))
async def status(request: Request, name: str, number: int | None = None):
    """The state of every version seen so far, or of one."""
    versions = request.app.state.service.versions
    states = dict(versions.states) if name == versions.name else {}
    if number is not None:
        states = {key: state for key, state in states.items() if key == number}
    if not states:
        what = "any versions" if number is None else f"version {number}"
        raise HTTPException(404, f"Could not find {what} of model {name}")
    newest_first = sorted(states.items(), reverse=True)
    return {"model_version_status": [_status(number, *state) for number, state in newest_first]}


def _status(number, state, error):
    code = "UNKNOWN" if error else "OK"
    status = {"error_code": code, "error_message": error}
    return {"version": str(number), "state": state, "status": status}


@router.get("/{name}/metadata", responses=errors(404))
@router.get("/{name}/versions/{number}/metadata", responses=errors(400, 404))
async def metadata(request: Request, name: str, number: int | None = None):
    """The signatures: names, dtypes and shapes of inputs and outputs."""
    version = _version(request, name, number)
    style = {"always_print_fields_with_no_presence": True, "preserving_proto_field_name": True}
    signatures = {
        key: MessageToDict(definition, **style) for key, definition in version.definitions.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version.number)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


@router.post("/{name}:predict", **PREDICTION)
@router.post("/{name}/versions/{number}:predict", **PREDICTION)
async def predict(request: Request, name: str, number: int | None = None):
    """Runs a signature on `instances` (rows) or `inputs` (columns)."""
    service = request.app.state.service
    version = _version(request, name, number)
    body = await request.body()
    signature, inputs, row = await service.compute(_read, body, version)
    pixels = await service.compute(_count, inputs, service.max_pixels)
    outputs = await service.run(version, signature, inputs, pixels)
    answer = await service.compute(write_answer, outputs, row)
    return Response(answer, media_type="application/json")


def _version(request, name, number):
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
    """Pixels of all images, from headers where they are files: nothing is decoded for it."""
    pixels = 0
    for array in inputs.values():
        if array.dtype == object:
            pixels += sum(count_pixels(data, max_pixels) for data in array.flat)
        else:
            pixels += math.prod(array.shape[:3])
    return pixels
