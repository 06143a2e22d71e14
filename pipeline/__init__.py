"""Data stages (ingest, align, extract, normalise) and the pure signal functions beside them. Knows `schemas`, not `model`."""
