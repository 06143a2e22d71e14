"""The contracts of Espressivo: frames, tables, parameters, errors and reject reasons. Imports nothing of ours."""
