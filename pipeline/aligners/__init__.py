"""Aligners, one module each: where in the recording its words and phones are. `alignment` and `rows` have what they share."""
