"""Tells the site's reader of docstrings that a section `Example:` holds code."""

import griffe


class Examples(griffe.Extension):
    def on_object(self, *, obj, **_):
        """Griffe calls this with every module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
