"""OpenAPI descriptions of requests and responses that FastAPI cannot infer."""

from tfseg.decision import TASKS
from tfseg.serving.runtimes import RUNTIMES

DESCRIPTIONS = {
    400: "Invalid request or image",
    401: "Missing or wrong token",
    404: "No such model or version",
    408: "The request arrived too slowly",
    415: "Compressed body",
    421: "Host name not allowed",
    413: "Too many bytes or pixels",
    503: "Overloaded; `Retry-After` says when to try again",
    504: "Timeout",
}
ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
    "additionalProperties": False,
}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds"}}
_BINARY = {"type": "string", "format": "binary"}


def json_of(schema, description="OK"):
    """A JSON response."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def errors(*statuses):
    """Error responses, by status."""
    every = {status: json_of(ERROR, DESCRIPTIONS[status]) for status in (401, 421, *statuses)}
    if 503 in every:
        every[503]["headers"] = _RETRY_AFTER
    return every


POST_ERRORS = errors(400, 408, 413, 415, 503, 504)

STATUS = {
    "type": "object",
    "properties": {
        "model_version_status": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "version": {"type": "string"},
                    "state": {"enum": ["LOADING", "AVAILABLE", "END"]},
                    "status": {
                        "type": "object",
                        "properties": {
                            "error_code": {"type": "string"},
                            "error_message": {"type": "string"},
                        },
                    },
                },
                "required": ["version", "state", "status"],
            },
        }
    },
    "required": ["model_version_status"],
}

PREDICT_REQUEST = {
    "description": "Tensors in rows (`instances`) or in columns (`inputs`), one of the two.",
    "type": "object",
    "properties": {
        "signature_name": {
            "type": "string",
            "description": "`serving_default` (uint8 pixels) or `encoded_rest` (JPEG or PNG files)",
        },
        "instances": {
            "type": "array",
            "minItems": 1,
            "description": 'One element per image: pixels (H, W, 3), or `{"b64": "..."}`',
        },
        "inputs": {"description": "All images: pixels (N, H, W, 3), or a list of `b64` objects"},
    },
    "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
    "example": {"signature_name": "encoded_rest", "instances": [{"b64": "iVBORw0KGgo="}]},
}
PREDICT = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": PREDICT_REQUEST}}}
}
PREDICT_ANSWER = {
    "type": "object",
    "properties": {"predictions": {"type": "array"}, "outputs": {}},
    "oneOf": [{"required": ["predictions"]}, {"required": ["outputs"]}],
}

IMAGE = {
    "requestBody": {
        "required": True,
        "description": "A JPEG, PNG or WebP file, as the body or as the form's field `image`",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"image": _BINARY},
                    "required": ["image"],
                }
            },
            "image/jpeg": {"schema": _BINARY},
            "image/png": {"schema": _BINARY},
            "image/webp": {"schema": _BINARY},
        },
    }
}
MASK = {
    "description": "A palette PNG of class indices, or the colours over the image",
    "content": {"image/png": {"schema": _BINARY}},
    "headers": {
        "X-Model-Version": {"schema": {"type": "string"}},
        "Server-Timing": {
            "schema": {"type": "string"},
            "description": "Milliseconds in the network (including the queue) and in total",
        },
    },
}

INFO = {
    "type": "object",
    "properties": {
        "model": {"type": "string", "description": "Name of the model in URLs"},
        "version": {"type": "integer"},
        "runtime": {"enum": list(RUNTIMES)},
        "network": {"type": "string"},
        "task": {"enum": list(TASKS)},
        "dataset": {"type": "string"},
        "classes": {"type": "array", "items": {"type": "string"}},
        "colors": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        "max_bytes": {"type": "integer"},
        "max_pixels": {"type": "integer"},
    },
    "required": ["model", "version", "runtime", "classes", "colors", "max_bytes", "max_pixels"],
}
HEALTH = {
    "type": "object",
    "properties": {"status": {"const": "ok"}, "version": {"type": "integer"}},
    "required": ["status", "version"],
}
