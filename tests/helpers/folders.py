"""Draws a user's own folder: images of noise, given masks."""

import cv2
import numpy as np
from PIL import Image

BLACK_WHITE = "name,r,g,b\nground,0,0,0\nobject,255,255,255\n"
THREE = "name,r,g,b\nsoil,0,0,0\nplant,200,30,30\nsky,0,200,0\n"


def draw(folder, files, table=BLACK_WHITE):
    """Writes files by path: None draws an image or a black mask, arrays and images are saved."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items() if isinstance(files, dict) else dict.fromkeys(files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, np.ndarray) and content.dtype == np.uint16:
            cv2.imwrite(str(path), content)  # BGR
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            picture = np.zeros((4, 4), np.uint8) if content is None else content
            (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(path)
    if table is not None:
        (folder / "classes.csv").write_text(table)
    return folder


def with_masks(folder, *masks, table=BLACK_WHITE):
    """Writes folders `images` and `masks`, with an image of the same size for each mask."""
    files = {}
    for i, mask in enumerate(masks):
        width, height = mask.size if isinstance(mask, Image.Image) else mask.shape[1::-1]
        noise = np.random.default_rng(i).integers(0, 256, (height, width, 3), np.uint8)
        files |= {f"images/{i:03}.png": noise, f"masks/{i:03}.png": mask}
    return draw(folder, files, table)
