"""An export behind HTTP: TensorFlow Serving's REST API, pictures in and masks out, and a page."""
