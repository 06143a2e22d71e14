"""F0 extractors, one file a family, behind one signature."""
