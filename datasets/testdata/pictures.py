"""Writes pictures with Pillow in the layout of a published set.

pictures.py FOLDER ENDING LEAST MOST NAME...

Each has a side between LEAST and MOST, and pixels like no other.
"""

import os
import sys

import numpy
from PIL import Image

folder, ending, least, most = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rng = numpy.random.default_rng(1)
for name in sys.argv[5:]:
    path = os.path.join(folder, name + ending)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    height, width = rng.integers(least, most + 1, 2)
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=numpy.uint8)).save(path)
