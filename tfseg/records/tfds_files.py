"""The two JSON files that make a folder of shards a TFDS data directory, as TFDS writes them."""

import json

_CLASS = "tensorflow_datasets.core.features."


def dataset_info(
    name: str, version: str, description: str, splits: dict[str, tuple[list[int], int]]
) -> str:
    """The text of dataset_info.json; `splits` is {name: (examples of each shard, total bytes)}."""
    return json.dumps(
        {
            "description": description,
            "fileFormat": "tfrecord",
            "name": name,
            "splits": [_split(split, *held) for split, held in splits.items()],
            "version": version,
        },
        indent=2,
    )


def _split(name, lengths, size):
    """A split in protobuf's JSON: 64-bit numbers are strings, and zeros are omitted."""
    return {
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
        "name": name,
        **({"numBytes": str(size)} if size else {}),
        **({"shardLengths": [str(length) for length in lengths]} if lengths else {}),
    }


def features(encoding: str, instances: bool = False) -> str:
    """The text of features.json, for "encoded" images (PNG or JPEG) or "raw" pixels."""
    if encoding == "encoded":
        image, label = _file("uint8", 3), _file("uint8", 1, encodingFormat="png")
    else:
        image, label = _pixels(3), _pixels(1)
    every = {
        "id": {"pythonClassName": _CLASS + "text_feature.Text", "text": {}},
        "image": image,
        "label": label,
    }
    if instances:
        every["instance"] = _file("uint16", 1, encodingFormat="png")
    described = {
        "featuresDict": {"features": every},
        "pythonClassName": _CLASS + "features_dict.FeaturesDict",
    }
    return json.dumps(described, indent=4, sort_keys=True)


def _file(dtype, bands, **facts):
    return {
        "image": {"dtype": dtype, "shape": _shape(bands), **facts},
        "pythonClassName": _CLASS + "image_feature.Image",
    }


def _pixels(bands):
    return {
        "pythonClassName": _CLASS + "tensor_feature.Tensor",
        "tensor": {"dtype": "uint8", "encoding": "bytes", "shape": _shape(bands)},
    }


def _shape(bands):
    return {"dimensions": ["-1", "-1", str(bands)]}
