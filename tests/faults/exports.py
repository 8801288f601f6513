"""Small valid exports of every annotation tool, with two images each."""

import json

import numpy as np
from PIL import Image

H, W = 24, 32
BOX = ((4, 3), (20, 3), (20, 12), (4, 12))
FLAT = [number for point in BOX for number in point]


def _images(folder, *names):
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, (H, W, 3), np.uint8)
        Image.fromarray(noise).save(path)


def _write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def _mask(path, *values):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.full((H, W, *np.shape(values[0])), values[0], np.uint8)
    mask[3:12, 4:20] = values[1]
    Image.fromarray(mask).save(path)


def labelme(folder):
    _images(folder, "train/a.png", "val/b.png")
    for name in ("train/a", "val/b"):
        shapes = [
            {"label": "dog", "points": BOX, "shape_type": "polygon"},
            {"label": "cat", "points": BOX[::2], "shape_type": "circle"},
        ]
        content = {"version": "5.4.1", "shapes": shapes, "imagePath": f"{name[-1]}.png"}
        content |= {"imageData": None, "imageHeight": H, "imageWidth": W}
        _write(folder / f"{name}.json", content)
    _write(folder / "labels.txt", "__ignore__\n_background_\ncat\ndog\n")


def cvat(folder):
    _images(folder, "JPEGImages/a.png", "JPEGImages/b.png")
    table = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83::\n"
    _write(folder / "labelmap.txt", table)
    for name, split in (("a", "train"), ("b", "val")):
        _mask(folder / f"SegmentationClass/{name}.png", (0, 0, 0), (250, 50, 83))
        _write(folder / f"ImageSets/Segmentation/{split}.txt", f"{name}\n")


def coco_json(folder):
    counts = [4 * H + 3, 9, H * W - 4 * H - 12]
    shapes = [[FLAT]], [{"size": [H, W], "counts": counts}]
    for split, listed in zip(("train", "val"), shapes, strict=True):
        _images(folder, f"{split}/a.png")
        annotations = [
            {"id": i, "image_id": 7, "category_id": 2, "segmentation": shape, "iscrowd": 0}
            for i, shape in enumerate(listed)
        ]
        image = {"id": 7, "file_name": "a.png", "height": H, "width": W}
        categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
        content = {"images": [image], "annotations": annotations, "categories": categories}
        _write(folder / f"annotations/instances_{split}.json", content)


def yolo(folder):
    _images(folder, "images/train/a.png", "images/val/a.png")
    _write(folder / "data.yaml", "path: .\ntrain: images/train\nval: val.txt\nnames: [dog, cat]\n")
    _write(folder / "val.txt", "./images/val/a.png\n")
    for split in ("train", "val"):
        shares = " ".join(f"{x / W} {y / H}" for x, y in BOX)
        _write(folder / f"labels/{split}/a.txt", f"1 {shares}\n0 {shares}\n")


def roboflow(folder):
    for split in ("train", "valid"):
        _images(folder, f"{split}/a.png")
        _mask(folder / f"{split}/a_mask.png", 0, 1)
        table = "Pixel Value, Class\n0, background\n1, dog\n2, cat\n"
        _write(folder / f"{split}/_classes.csv", table)


def label_studio(folder):
    _images(folder, "a.png", "b.png")
    shares = [[100 * x / W, 100 * y / H] for x, y in BOX]
    region = {"id": "x", "type": "polygonlabels", "original_height": H, "original_width": W}
    region |= {"image_rotation": 0, "value": {"points": shares, "polygonlabels": ["dog"]}}
    names = enumerate(("/data/upload/1/0a1b2c3d-a.png", "/data/upload/1/b.png"))
    drawn = [{"result": [region]}]
    tasks = [{"id": i, "data": {"image": name}, "annotations": drawn} for i, name in names]
    _write(folder / "export.json", tasks)


EXPORTS = {draw.__name__: draw for draw in (labelme, cvat, coco_json, yolo, roboflow, label_studio)}
