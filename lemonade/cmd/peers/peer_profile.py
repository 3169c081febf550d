# Runs after peer_jax.py, in its interpreter: prints where XLA spends a training step of
# that network, with the engine's gradient by a convolution's kernel, and what
# convolutions and an LSTM take beside oneDNN's, as Markdown.
import glob
import os
import re
import subprocess
import tempfile
from collections import Counter

import torch
from jax.profiler import ProfileData

STEPS, ROUNDS, REPEATS = 5, 7, 10
OPERATION = re.compile(r"[a-z_-]+(\.\d+)?")
KINDS = [("transpose_copy_fusion", "transposed images, for gradients by a convolution's kernel"),
         ("ynn_fusion", "products and sums, in YNNPACK"), ("", "all else but convolutions, element by element")]


convolve = partial(lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolution(x, w, stride):
    return convolve(x, w, (stride, stride), "SAME")


def backward(stride, kept, dy):
    """The gradients as lemonade/engine has them: that by the kernel is a computation of its own."""
    x, w = kept
    dx = jax.vjp(lambda x: convolve(x, w, (stride, stride), "SAME"), x)[1](dy)[0]
    low = [max((dy.shape[a] - 1) * stride + w.shape[a - 1] - x.shape[a], 0) // 2 for a in (1, 2)]
    pads = [(low[a], w.shape[a] + (dy.shape[a + 1] - 1) * stride - x.shape[a + 1] - low[a]) for a in (0, 1)]

    def by_kernel(x, dy):
        return convolve(x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3), (1, 1), pads, rhs_dilation=(stride, stride)).transpose(1, 2, 0, 3)

    return dx, lax.cond(jnp.isfinite(dy[0, 0, 0, 0]), by_kernel, lambda x, dy: jnp.zeros_like(w), x, dy)


convolution.defvjp(lambda x, w, stride: (convolution(x, w, stride), (x, w)), backward)
jax_conv = Net.conv


def conv(net, x, filters, kernel=3, stride=1, padding="SAME", groups=1, bias=False):
    if groups > 1 or kernel == 1 or padding != "SAME" or bias:
        return jax_conv(net, x, filters, kernel, stride, padding, groups, bias)
    return convolution(x, net.param(kernel, kernel, x.shape[-1], filters), stride)


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


# Times PyTorch's LSTM in a process of its own, whose threads spin while they wait or not.
ONEDNN = """
import os, time, torch
torch.set_num_threads(os.cpu_count())
lstm, x = torch.nn.LSTM({inputs}, {units}, batch_first=True), torch.rand({batch}, {length}, {inputs})
with torch.inference_mode():
    for times in (3, {repeats}):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(times):
            lstm(x)
print((time.perf_counter() - wall) / times, (time.process_time() - cpu) / times)
"""


def lstms():
    """Milliseconds, wall and processor, of an LSTM's inference by name: XLA's loop, two loops of half the batch, and oneDNN's."""
    size = dict(batch=64, length=256, inputs=64, units=128)
    batch, length, inputs, units = size.values()
    rng = np.random.default_rng(1)
    x, *params = (jnp.asarray(0.1 * rng.standard_normal(s, np.float32)) for s in [(batch, length, inputs), (inputs, 4 * units), (4 * units,), (units, 4 * units)])

    def last(x):
        return Net(params).lstm(x, units)

    def xla(f):
        f = jax.jit(f)
        f(x).block_until_ready()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(REPEATS):
            f(x).block_until_ready()
        return (time.perf_counter() - wall) / REPEATS, (time.process_time() - cpu) / REPEATS

    def onednn(wait):
        env = {k: v for k, v in os.environ.items() if k != "KMP_BLOCKTIME"} | {"OMP_WAIT_POLICY": wait}
        out = subprocess.run([sys.executable, "-c", ONEDNN.format(repeats=REPEATS, **size)], env=env, capture_output=True, text=True, check=True)
        return tuple(map(float, out.stdout.split()))

    calls = {"XLA's loop": lambda: xla(last),
             "XLA, two loops of half the batch": lambda: xla(lambda x: jnp.concatenate([last(x[:batch // 2]), last(x[batch // 2:])])),
             "oneDNN": lambda: onednn("ACTIVE"), "oneDNN, threads that sleep while they wait": lambda: onednn("PASSIVE")}
    rounds = [[call() for call in calls.values()] for _ in range(ROUNDS)]
    return zip(calls, 1e3 * np.median(rounds, 0))


def convolutions(channels, size, groups=1):
    """Milliseconds of processor time of a convolution of 3×3, forward, by input and by kernel, in XLA and in oneDNN."""
    rng = np.random.default_rng(1)
    image, gradient = (rng.random((BATCH, size, size, channels), np.float32) for _ in range(2))
    kernel = rng.random((3, 3, channels // groups, channels), np.float32)
    x, w, g = map(jnp.asarray, (image, kernel, gradient))
    forward = jax.jit(lambda x, w: convolve(x, w, (1, 1), "SAME", feature_group_count=groups))
    by_input = jax.jit(lambda x, w, g: jax.vjp(lambda x: forward(x, w), x)[1](g)[0])
    by_kernel = jax.jit(lambda x, w, g: jax.vjp(lambda w: forward(x, w), w)[1](g)[0])
    tx, tg = (torch.tensor(v).permute(0, 3, 1, 2) for v in (image, gradient))
    tw = torch.tensor(kernel).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)

    def backward(*mask):
        return lambda: torch.ops.aten.convolution_backward(tg, tx, tw, None, [1, 1], [1, 1], [1, 1], False, [0, 0], groups, mask)

    calls = [lambda: forward(x, w).block_until_ready(), lambda: by_input(x, w, g).block_until_ready(),
             lambda: by_kernel(x, w, g).block_until_ready(), lambda: torch.conv2d(tx, tw, padding=1, groups=groups),
             backward(True, False, False), backward(False, True, False)]
    for call in calls:
        timed(call)
    return np.median([[timed(call) for call in calls] for _ in range(ROUNDS)], 0)


Net.conv = conv
jax.clear_caches()
step()
total, whole = profile()
print(f"| a training step of {NETWORK} | ms, summed over threads |\n|---|---|")
for _, kind in KINDS:
    print(f"| {kind} | {total[kind]:.0f} |")
print(f"| all of it, processor time | {whole:.0f} |")
torch.set_num_threads(os.cpu_count())
print("\n| 3×3 convolution, ms of processor time | XLA: forward | by input | by kernel | oneDNN: forward | by input | by kernel |\n|---|---|---|---|---|---|---|")
for channels, size in [(16, 32), (32, 32), (64, 16)]:
    print(f"| {channels} to {channels} channels, {size}×{size} |", " | ".join(f"{ms:.3g}" for ms in convolutions(channels, size)), "|")
print("| 64 channels, each on its own, 16×16 |", " | ".join(f"{ms:.3g}" for ms in convolutions(64, 16, groups=64)), "|")
print("\n| inference of an LSTM, 128 units, 256 steps, batch 64 | ms | processor time |\n|---|---|---|")
for name, (wall, cpu) in lstms():
    print(f"| {name} | {wall:.3g} | {cpu:.3g} |")
