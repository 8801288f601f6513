"""Sources of masks other than a network: an export, or a folder of PNGs."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from tfseg.errors import UserError
from tfseg.exporting.formats import exported_task, open_export
from tfseg.images import open_image

NO_MASKS = ("_overlay", "_uncertainty")  # other files that `predict` writes


class Export:
    """An exported network, see `open_export`. Raises `UserError` for anything else.

    Attributes:
        task: kind of its masks, one of `tfseg.decision.TASKS`.
    """

    def __init__(self, path):
        self._path, self._run = path, open_export(path)
        self.task = exported_task(path)

    def label(self, images, start):
        """(classes uint8 (N, H, W) of images, None: exports give no confidence)."""
        images = np.asarray(images)
        try:
            results = self._run(images)
        except Exception as error:  # every runtime has its own errors
            shape, reason = "x".join(map(str, images.shape)), " ".join(str(error).split())[:120]
            raise UserError(
                f"--export={self._path} takes no images of {shape}, or its runtime fails: {reason}"
            ) from None
        if "mask" not in results:
            raise UserError(
                f"--export={self._path} gives no mask; export it with this program, --outputs=mask"
            )
        return results["mask"], None


class MaskFolder:
    """A folder of PNGs of class indices, each named by the id of its frame.

    Files may be in subfolders, and names may continue after the id ("ID_leftImg8bit.png").
    `table` (256,) maps the files' values to class indices. Raises `UserError` if a frame of the
    split has no file.
    """

    def __init__(self, folder, split, table=None):
        if not Path(folder).is_dir():
            raise UserError(f"--predictions={folder} is not a folder")
        files = [f for f in sorted(Path(folder).rglob("*.png")) if not f.stem.endswith(NO_MASKS)]
        every = {file.stem: file for file in files}
        every |= {str(file.relative_to(folder).with_suffix("")): file for file in files}
        self._table, self._files = table, []
        frames = {}  # file -> its frame
        for index in tqdm(range(len(split)), "finding masks", unit="frame", leave=False):
            name = split.about(index)[0]
            file = every.get(name) or every.get(Path(name).name) or _begins(files, Path(name).name)
            if file is None:
                raise UserError(f"--predictions={folder} has no {name}.png")
            if file in frames:
                raise UserError(f"{file} fits both {frames[file]} and {name}; write {name}.png")
            frames[file] = name
            self._files.append(file)

    def label(self, images, start):
        """(classes uint8 (N, H, W) of the frames from `start` on, None for confidence)."""
        shape = images.shape[1:3]
        files = self._files[start : start + len(images)]
        return np.stack([self._read(file, tuple(shape)) for file in files]), None

    def _read(self, file, shape):
        mask = open_image(file).stored()
        if mask.dtype != np.uint8 or mask.shape != shape:
            raise UserError(
                f"{file} is {mask.dtype} of shape {mask.shape}; wanted class indices, uint8 {shape}"
            )
        return mask if self._table is None else self._table[mask]


def _begins(files, name):
    """The only file whose name begins with a frame's; None if there is none or several."""
    found = [file for file in files if file.stem.startswith(f"{name}_")]
    return found[0] if len(found) == 1 else None
