"""Aligners: where in the recording each phone and word is. `alignment` has what they share."""
