"""Checks that Python reads a file as one that Python 2 has pickled: texts are bytes there.

python2.py FILE
"""

import pickle
import sys

import numpy

with open(sys.argv[1], "rb") as file:
    batch = pickle.load(file, encoding="bytes")
assert sorted(batch) == [b"data", b"labels"], batch.keys()
assert batch[b"data"].dtype == numpy.uint8 and batch[b"data"].shape == (len(batch[b"labels"]), 768), batch[b"data"].shape
