"""Text: what is read (`normalise`), how it is pronounced (`g2p`, `pronunciations`), both at once (`phonemes`), and espeak-ng (`espeak`)."""
