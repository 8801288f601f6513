"""Serves the frames of a raw folder as examples, made when read."""

from tfseg.errors import UserError
from tfseg.images import image_size
from tfseg.records.frames import quick_example


class RawFrames:
    """Random access to the frames of one split, with the same pixels as records would have."""

    def __init__(self, frames):
        self.frames = frames
        self.files = range(len(frames))  # one file per frame

    def __len__(self):
        return len(self.frames)

    def read(self, index):
        return quick_example(self.frames[index])

    def where(self, index):
        return str(self.frames[index].image)

    def sizes(self, lenient=False):
        """The distinct (height, width) of the frames, from their labels' headers.

        Raises `UserError` for a damaged file; with `lenient`, only reading the frame raises it.
        """
        found = set()
        for frame in self.frames:
            try:
                found.add(_size(frame))
            except UserError:
                if not lenient:
                    raise
        return found


def _size(frame):
    """(H, W) from the header of the label, or of the image if the label is drawn."""
    place = frame.image if callable(frame.label) else frame.label
    return place().shape[:2] if callable(place) else image_size(place)
