"""Many recordings from one plan file: models x threads x batch sizes x hosts, here or on a Ray cluster.

A cell is one recording. Cells are measured by a `Runner`, which the caller provides: this package neither measures
nor explains. It ensures that each cell is measured once, also where processes or nodes fail.
"""
