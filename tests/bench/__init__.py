"""The numbers the design promises, each as a ratio against a baseline measured in the same run.

`./dev bench [NAME...] [--json] [--quick]`. Each row of the design's table is one module here, named after it, which
gives `ROW` (see `rows.py`); it is found by itself. Absolute times depend on the machine, so only ratios have an aim.
"""
