"""A trained network at work: figures, masks, pictures."""
