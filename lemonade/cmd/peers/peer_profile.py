# Runs after peer_jax.py, in its interpreter: prints where XLA spends a training step of
# that network, and what convolutions take beside oneDNN's, as Markdown.
import glob
import os
import re
import tempfile
from collections import Counter

import torch
from jax.profiler import ProfileData

STEPS, ROUNDS, REPEATS = 5, 7, 10
OPERATION = re.compile(r"[a-z_-]+(\.\d+)?")
KINDS = [("transpose_copy_fusion", "transposed images, for gradients by a convolution's kernel"),
         ("ynn_fusion", "products and sums, in YNNPACK"), ("", "all else but convolutions, element by element")]


def profile():
    """Milliseconds of a step by kind, summed over threads, and those of processor time of all of it."""
    whole = np.median([timed(step) for _ in range(ROUNDS)])
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(STEPS):
                step()
        data = ProfileData.from_file(glob.glob(folder + "/**/*.xplane.pb", recursive=True)[0])
    total = Counter()
    for plane in data.planes:
        for line in plane.lines:
            if not line.name.startswith("tf_XLA"):  # Python's
                continue
            for event in line.events:
                # Operations are in small letters; of convolutions, which run in tasks of their own, it has next to nothing.
                if OPERATION.fullmatch(event.name) and not event.name.startswith("conv"):
                    kind = next(name for start, name in KINDS if event.name.startswith(start))
                    total[kind] += event.duration_ns / 1e6 / STEPS
    return total, whole


def timed(call):
    cpu = time.process_time()
    for _ in range(REPEATS):
        call()
    return 1e3 * (time.process_time() - cpu) / REPEATS


def convolutions(channels, size):
    """Milliseconds of processor time of a convolution of 3×3, forward, by input and by kernel, in XLA and in oneDNN."""
    rng = np.random.default_rng(1)
    image, gradient = (rng.random((BATCH, size, size, channels), np.float32) for _ in range(2))
    kernel = rng.random((3, 3, channels, channels), np.float32)
    x, w, g = map(jnp.asarray, (image, kernel, gradient))
    forward = jax.jit(lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")))
    by_input = jax.jit(lambda x, w, g: jax.vjp(lambda x: forward(x, w), x)[1](g)[0])
    by_kernel = jax.jit(lambda x, w, g: jax.vjp(lambda w: forward(x, w), w)[1](g)[0])
    tx, tg = (torch.tensor(v).permute(0, 3, 1, 2) for v in (image, gradient))
    tw = torch.tensor(kernel).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)

    def backward(*mask):
        return lambda: torch.ops.aten.convolution_backward(tg, tx, tw, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, mask)

    calls = [lambda: forward(x, w).block_until_ready(), lambda: by_input(x, w, g).block_until_ready(),
             lambda: by_kernel(x, w, g).block_until_ready(), lambda: torch.conv2d(tx, tw, padding=1),
             backward(True, False, False), backward(False, True, False)]
    for call in calls:
        timed(call)
    return np.median([[timed(call) for call in calls] for _ in range(ROUNDS)], 0)


total, whole = profile()
print(f"| a training step of {NETWORK} | ms, summed over threads |\n|---|---|")
for _, kind in KINDS:
    print(f"| {kind} | {total[kind]:.0f} |")
print(f"| all of it, processor time | {whole:.0f} |")
torch.set_num_threads(os.cpu_count())
print("\n| 3×3 convolution, ms of processor time | XLA: forward | by input | by kernel | oneDNN: forward | by input | by kernel |\n|---|---|---|---|---|---|---|")
for channels, size in [(16, 32), (32, 32), (64, 16)]:
    print(f"| {channels} to {channels} channels, {size}×{size} |", " | ".join(f"{ms:.3g}" for ms in convolutions(channels, size)), "|")
