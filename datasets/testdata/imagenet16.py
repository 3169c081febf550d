"""Writes batches as ImageNet16 is published: pickled dictionaries of numpy's arrays.

imagenet16.py FOLDER PROTOCOL BATCHES KEPT HELD [OTHERS]

Each of the training batches has KEPT images of the labels 1 to 120, and val_data has
HELD. OTHERS of higher labels, or as many, stand between them. What should be read is
written to FOLDER/expected: for each image that is kept a byte of its label, less 1, and its
pixels, row by row, with their colours together.
"""

import os
import pickle
import sys

import numpy

folder, protocol, batches, kept, held = sys.argv[1], *map(int, sys.argv[2:6])
os.makedirs(folder, exist_ok=True)
rng = numpy.random.default_rng(protocol)
names = [f"train_data_batch_{i + 1}" for i in range(batches)] + ["val_data"]
with open(os.path.join(folder, "expected"), "wb") as expected:
    for name in names:
        wanted = held if name == "val_data" else kept
        others = int(sys.argv[6]) if len(sys.argv) > 6 else wanted
        labels = [i % 120 + 1 for i in range(wanted)] + [int(x) for x in rng.integers(121, 1001, others)]
        labels = [labels[i] for i in rng.permutation(len(labels))]
        data = rng.integers(0, 256, (len(labels), 768), dtype=numpy.uint8)
        with open(os.path.join(folder, name), "wb") as out:
            pickle.dump({"data": data, "labels": labels, "mean": data.mean(axis=0)}, out, protocol)
        pixels = data.reshape(-1, 3, 16, 16).transpose(0, 2, 3, 1)
        for label, image in zip(labels, pixels):
            if label <= 120:
                expected.write(bytes([label - 1]) + image.tobytes())
