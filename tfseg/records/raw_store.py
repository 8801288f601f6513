"""The frames of a raw folder as examples, made as they are read."""

from PIL import Image

from tfseg.errors import UserError
from tfseg.records.frames import quick_example, read_image


class RawFrames:
    """Random access to the frames of one split; the pixels are those that records would hold."""

    def __init__(self, frames):
        self.frames = frames
        self.files = range(len(frames))  # each frame is a file of its own

    def __len__(self):
        return len(self.frames)

    def read(self, index):
        return quick_example(self.frames[index])

    def where(self, index):
        return str(self.frames[index].image)

    def sizes(self):
        """The distinct (height, width) of the frames, from their labels' headers."""
        return {_size(frame) for frame in self.frames}


def _size(frame):
    if callable(frame.label):
        return read_image(frame.image)[1].shape[:2]
    try:
        with Image.open(frame.label) as label:
            return label.size[::-1]
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{frame.label} is damaged or no picture: {error}") from None
