"""Text: what is read (`normalise`), how it is pronounced (`g2p`), and the espeak-ng synthesiser behind both (`espeak`)."""
