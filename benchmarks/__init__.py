"""Measurements that are run by hand and written up in docs/experiments.md."""
