"""One module per table: its Arrow schema, its key and order, and the checks that each row must pass."""
