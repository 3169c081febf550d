"""The network of this comparison in JAX: see main.go. Speaks its line protocol."""
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

BATCH, WIDTHS, CLASSES = int(sys.argv[1]), [(32, 32), (64, 64), (128,)], 10


def init(rng):
    params, channels = [], 3
    for group in WIDTHS:
        for width in group:
            kernel = rng.standard_normal((3, 3, channels, width), np.float32) * np.sqrt(2 / (9 * channels))
            params.append([kernel.astype(np.float32), np.ones(width, np.float32), np.zeros(width, np.float32)])
            channels = width
    dense = [(rng.standard_normal((channels, CLASSES)) * np.sqrt(2 / channels)).astype(np.float32), np.zeros(CLASSES, np.float32)]
    stats = [[np.zeros(len(p[1]), np.float32), np.ones(len(p[1]), np.float32)] for p in params]
    return {"conv": params, "dense": dense}, stats


def forward(params, stats, x, training):
    new, i = [], 0
    for g, group in enumerate(WIDTHS):
        if g > 0:
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        for _ in group:
            kernel, scale, offset = params["conv"][i]
            x = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            mean, var = stats[i]
            if training:
                m, v = x.mean((0, 1, 2)), x.var((0, 1, 2))
                new.append([0.9 * mean + 0.1 * m, 0.9 * var + 0.1 * v])
                mean, var = m, v
            x = jax.nn.relu((x - mean) * lax.rsqrt(var + 1e-5) * scale + offset)
            i += 1
    x = x.mean((1, 2))
    return x @ params["dense"][0] + params["dense"][1], new


@jax.jit
def train(params, momentum, stats, x, y):
    def loss(p):
        logits, new = forward(p, stats, x, True)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean(), new

    (value, new), grads = jax.value_and_grad(loss, has_aux=True)(params)
    momentum = jax.tree.map(lambda m, g: 0.9 * m + g, momentum, grads)
    params = jax.tree.map(lambda p, m, g: p - 0.01 * (g + 0.9 * m), params, momentum, grads)
    return params, momentum, new, value


infer = jax.jit(lambda params, stats, x: forward(params, stats, x, False)[0])

rng = np.random.default_rng(1)
params, stats = jax.device_put(init(rng))
momentum = jax.tree.map(jnp.zeros_like, params)
x = jnp.asarray(rng.random((BATCH, 32, 32, 3), np.float32))
y = jnp.asarray(rng.integers(0, CLASSES, BATCH))


def step():
    global params, momentum, stats
    params, momentum, stats, value = train(params, momentum, stats, x, y)
    value.block_until_ready()


steps = {"train": step, "infer": lambda: infer(params, stats, x).block_until_ready()}
for warm in steps.values():
    warm(), warm()
print("ready JAX", jax.__version__, flush=True)
for line in sys.stdin:
    kind, n = line.split()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(int(n)):
        steps[kind]()
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
