"""Many recordings from one plan file: models x threads x batch sizes x hosts, here or on a Ray cluster.

A cell is one recording. Cells are measured by a `Runner`, which is given from outside: this package neither measures
nor explains, it sees to it that each cell is measured once, whatever dies meanwhile.
"""
