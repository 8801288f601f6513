"""The web application: images to masks, the page, health and metrics."""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect

import tfseg
from tfseg.pages import render
from tfseg.serving import rest
from tfseg.serving.answers import refusal
from tfseg.serving.middleware import GONE, Middleware
from tfseg.serving.pictures import class_png, mask_png, overlay_png, read_picture
from tfseg.serving.schemas import HEALTH, IMAGE, INFO, MASK, POST_ERRORS, errors, json_of

PAGE = render("serve.html", title="tfseg")
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src 'self' blob: data:; media-src blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
router = APIRouter()


def make_app(service, config, access):
    """The FastAPI application for a `Service` and a `ServeConfig`."""
    app = FastAPI(
        title="tfseg",
        version=tfseg.__version__,
        description="Semantic segmentation: images in, masks of class indices out.",
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(router)
    app.include_router(rest.router)
    app.add_middleware(
        Middleware,
        access=access,
        max_bytes=config.max_bytes,
        queue=config.queue,
        is_busy=service.is_busy,
        timeout=config.timeout,
        metrics=service.metrics,
    )
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _failed)
    _describe(app, service.versions.name, access.token)
    return app


@router.post(
    "/segment",
    response_class=Response,
    openapi_extra=IMAGE,
    responses={200: MASK} | POST_ERRORS,
)
async def segment(
    request: Request,
    output: Literal["mask", "overlay"] = "mask",
    name: Annotated[str | None, Query(alias="class")] = None,
):
    """Segments an image: returns a PNG of class indices, or an overlay on the image.

    With `class`, a PNG of only that class: 255 for its pixels, else 0. A multilabel network's mask
    has one bit per class, the first class in the lowest bit.
    """
    service, start = request.app.state.service, time.perf_counter()
    data = await _image(request)
    version = service.versions.current
    _check_class(version.labels, name, output)
    wanted = (service.max_pixels, version.size, version.pixel_range)
    image, own = await service.decode(read_picture, data, *wanted)
    del data
    pixels, before = image.shape[0] * image.shape[1], time.perf_counter()
    outputs = await service.run(version, "serving_default", {"images": image[None]}, pixels)
    network, mask = time.perf_counter() - before, outputs["mask"][0]
    colors = version.labels["colors"]
    if name is not None:
        number = version.labels["classes"].index(name)
        png = await service.compute(class_png, mask, number, own)
    elif output == "mask":
        png = await service.compute(mask_png, mask, own, colors)
    else:
        png = await service.compute(overlay_png, image, mask, own, colors)
    total = time.perf_counter() - start
    headers = {
        "X-Model-Version": str(version.number),
        "Server-Timing": f"network;dur={1000 * network:.1f}, total;dur={1000 * total:.1f}",
    }
    return Response(png, media_type="image/png", headers=headers)


def _check_class(labels, name, output):
    """Raises `HTTPException` for an unknown class, and for a mask that needs one."""
    classes = labels["classes"]
    listed = ", ".join(classes[:20])
    if name is not None and name not in classes:
        raise HTTPException(400, f"class: {name[:80]!r} is not one of {listed}")
    many = labels["task"] == "multilabel" and len(classes) > 8
    if many and name is None and output == "mask":
        raise HTTPException(400, f"a mask has 8 bits; ask for one class: ?class=NAME of {listed}")


async def _image(request):
    """The image file's bytes, from the body or from the form field `image`."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await request.body()
    try:
        form = await request.form(max_files=1, max_fields=8)
    except ValueError as error:  # an unknown charset, or one that does not fit the form's names
        raise HTTPException(400, f"the form cannot be read: {error}") from None
    try:
        upload = form.get("image")
        if upload is None or isinstance(upload, str):
            raise HTTPException(400, "the form has no file in its field 'image'")
        return await upload.read()
    finally:
        await form.close()


@router.get("/", response_class=HTMLResponse)
async def page():
    """The page: shows an image or the camera with its mask."""
    return HTMLResponse(PAGE, headers=PAGE_HEADERS)


@router.get("/info", responses={200: json_of(INFO)} | errors())
async def info(request: Request):
    """Information about the served network: version, classes and their colours, limits."""
    service = request.app.state.service
    version = service.versions.current
    labels = version.labels
    return {
        "model": service.versions.name,
        "version": version.number,
        "runtime": version.runtime,
        "network": str(labels.get("model", "")),
        "task": labels["task"],
        "dataset": str(labels.get("dataset", "")),
        "classes": labels["classes"],
        "colors": labels["colors"],
        "max_bytes": service.max_bytes,
        "max_pixels": service.max_pixels,
    }


@router.get("/healthz", responses={200: json_of(HEALTH)})
async def health(request: Request):
    """Answers while the server accepts requests."""
    return {"status": "ok", "version": request.app.state.service.versions.current.number}


@router.get("/metrics", response_class=PlainTextResponse, responses=errors())
async def metrics(request: Request):
    """Metrics for Prometheus."""
    text = request.app.state.service.metrics.text()
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def _refused(request, error):
    return refusal(error.status_code, error.detail, error.headers)


async def _invalid(request, error):
    first = error.errors()[0]
    return refusal(400, f"{first['loc'][-1]}: {first['msg']}")


async def _gone(request, error):
    return Response(status_code=GONE)  # the client has gone


async def _failed(request, error):  # the traceback goes to the log
    return refusal(500, "internal error")


def _describe(app, name, token):
    """Adapts the OpenAPI description: the one model, no 422, 401 only with a token."""
    whole = app.openapi()
    for path in whole["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "name":
                    parameter["schema"]["enum"] = [name]
            if not token:
                operation["responses"].pop("401", None)
            elif "401" in operation["responses"]:
                operation["security"] = [{"token": []}]
    if token:
        scheme = {"token": {"type": "http", "scheme": "bearer"}}
        whole.setdefault("components", {})["securitySchemes"] = scheme
