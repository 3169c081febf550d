"""A network of the comparison in JAX, as main.go starts it: NETWORK BATCH.

Layers, shapes, loss and optimiser are those of the program of the same name in
lemonade/benchmark/networks. It speaks main.go's line protocol.
"""
import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

NETWORK, BATCH = sys.argv[1], int(sys.argv[2])


class Net:
    """Hands out parameters in the order in which layers ask for them, or makes them."""

    def __init__(self, params=None, stats=None, training=False):
        self.making, self.training = params is None, training
        self.params, self.stats = params or [], stats or []
        self.at, self.stat_at, self.new_stats = 0, 0, []
        self.rng = np.random.default_rng(1)

    def param(self, *shape, kind="kernel"):
        if self.making:
            values = {"kernel": self.rng.standard_normal(shape) * np.sqrt(2 / max(np.prod(shape[:-1]), 1)),
                      "zeros": np.zeros(shape), "ones": np.ones(shape)}[kind]
            self.params.append(jnp.asarray(values, jnp.float32))
        self.at += 1
        return self.params[self.at - 1]

    def conv(self, x, filters, kernel=3, stride=1, padding="SAME", groups=1, bias=False):
        w = self.param(kernel, kernel, x.shape[-1] // groups, filters)
        y = lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups)
        return y + self.param(filters, kind="zeros") if bias else y

    def dense(self, x, units, bias=True):
        y = x @ self.param(x.shape[-1], units)
        return y + self.param(units, kind="zeros") if bias else y

    def batch_norm(self, x):
        channels = x.shape[-1]
        if self.making:
            self.stats.append((jnp.zeros(channels), jnp.ones(channels)))
        mean, var = self.stats[self.stat_at]
        self.stat_at += 1
        if self.training:
            m, v = x.mean((0, 1, 2)), x.var((0, 1, 2))
            self.new_stats.append((0.95 * mean + 0.05 * m, 0.95 * var + 0.05 * v))
            mean, var = m, v
        return (x - mean) * lax.rsqrt(var + 1e-5) * self.param(channels, kind="ones") + self.param(channels, kind="zeros")

    def layer_norm(self, x):
        x = x - x.mean(-1, keepdims=True)
        x = x * lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + 1e-5)
        return x * self.param(x.shape[-1], kind="ones") + self.param(x.shape[-1], kind="zeros")

    def attention(self, x, heads):
        b, t, c = x.shape
        q, k, v = (self.dense(x, c).reshape(b, t, heads, c // heads) for _ in range(3))
        return self.dense(jax.nn.dot_product_attention(q, k, v).reshape(b, t, c), c)

    def lstm(self, x, units):
        """The last state of x [B T C]."""
        gates = jnp.swapaxes(self.dense(x, 4 * units), 0, 1)
        recurrent = self.param(units, 4 * units)

        def step(state, inputs):
            h, memory = state
            i, f, g, o = jnp.split(inputs + h @ recurrent, 4, -1)
            memory = jax.nn.sigmoid(f) * memory + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(memory), memory), None

        zero = jnp.zeros((x.shape[0], units))
        return lax.scan(step, (zero, zero), gates)[0][0]


def max_pool(x, size=2):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, size, size, 1), "VALID")


gelu = partial(jax.nn.gelu, approximate=False)
relu = jax.nn.relu


def plain(net, x):
    for i, group in enumerate([(32, 32), (64, 64), (128,)]):
        if i > 0:
            x = max_pool(x)
        for filters in group:
            x = relu(net.batch_norm(net.conv(x, filters)))
    return net.dense(x.mean((1, 2)), 10)


def residual(net, x):
    def unit(x, filters, **how):
        return net.batch_norm(net.conv(x, filters, **how))

    x = relu(unit(x, 16))
    for i, filters in enumerate([16, 32, 64]):
        for j in range(2):
            stride = 2 if i > 0 and j == 0 else 1
            h = unit(relu(unit(x, filters, stride=stride)), filters)
            if stride > 1:
                x = unit(x, filters, kernel=1, stride=stride)
            x = relu(x + h)
    return net.dense(x.mean((1, 2)), 10)


def separable(net, x):
    x = relu(net.batch_norm(net.conv(x, 32)))
    for filters, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1)]:
        x = relu(net.batch_norm(net.conv(x, x.shape[-1], stride=stride, groups=x.shape[-1])))
        x = relu(net.batch_norm(net.conv(x, filters, kernel=1)))
    return net.dense(x.mean((1, 2)), 10)


def squeeze(net, x):
    def unit(x, filters):
        return net.batch_norm(net.conv(x, filters))

    for i, filters in enumerate([32, 64, 128]):
        if i > 0:
            x = max_pool(x)
        x = relu(unit(x, filters))
        h = unit(x, filters)
        gate = relu(net.dense(h.mean((1, 2)), filters // 4))
        x = relu(x + h * jax.nn.sigmoid(net.dense(gate, filters))[:, None, None])
    return net.dense(x.mean((1, 2)), 10)


def transformer(net, x):
    x = net.conv(x, 96, kernel=4, stride=4, padding="VALID", bias=True).reshape(x.shape[0], -1, 96)
    x = x + net.param(x.shape[1], 96)
    for _ in range(4):
        x = x + net.attention(net.layer_norm(x), 4)
        x = x + net.dense(gelu(net.dense(net.layer_norm(x), 192)), 96)
    return net.dense(net.layer_norm(x).mean(1), 10)


def lstm(net, tokens):
    x = net.param(10_000, 64)[tokens] * (tokens != 0)[..., None]
    return net.dense(net.lstm(x, 128), 2)


def airbench(net, x):
    x = gelu(net.conv(x, 24, kernel=2, padding="VALID", bias=True))
    for filters in [64, 256, 256]:
        x = gelu(net.batch_norm(max_pool(net.conv(x, filters))))
        x = gelu(net.batch_norm(net.conv(x, filters)))
    return net.dense(max_pool(x, 3).reshape(x.shape[0], -1), 10, bias=False) * (1 / 9)


network = globals()[NETWORK]
adamw = NETWORK in ("transformer", "lstm")
decay = 0.05 if NETWORK == "transformer" else 0.0
classes = 2 if NETWORK == "lstm" else 10


def sgd(params, slots, grads):
    slots = jax.tree.map(lambda m, g: 0.9 * m + g, slots, grads)
    return jax.tree.map(lambda p, m, g: p - 0.01 * (g + 0.9 * m), params, slots, grads), slots


def adam(params, slots, grads):
    first, second, count = slots
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, grads)

    def update(p, m, v):
        direction = m / (1 - 0.9**count) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8)
        return p - 0.001 * (direction + (decay * p if p.ndim > 1 else 0))

    return jax.tree.map(update, params, first, second), (first, second, count)


@partial(jax.jit, donate_argnums=(0, 1, 2))
def train(params, slots, stats, x, y):
    def loss(params):
        net = Net(params, stats, training=True)
        logp = jax.nn.log_softmax(network(net, x))
        return -jnp.take_along_axis(logp, y[:, None], 1).mean(), net.new_stats

    (value, stats), grads = jax.value_and_grad(loss, has_aux=True)(params)
    params, slots = (adam if adamw else sgd)(params, slots, grads)
    return params, slots, stats, value


infer = jax.jit(lambda params, stats, x: network(Net(params, stats), x))

rng = np.random.default_rng(1)
if NETWORK == "lstm":
    x = jnp.asarray(rng.integers(0, 10_000, (BATCH, 256)), jnp.int32)
else:
    x = jnp.asarray(rng.random((BATCH, 32, 32, 3), np.float32))
y = jnp.asarray(rng.integers(0, classes, BATCH), jnp.int32)
maker = Net()
network(maker, x[:1])
params, stats = maker.params, maker.stats
slots = jax.tree.map(jnp.zeros_like, params)
if adamw:
    slots = (slots, jax.tree.map(jnp.zeros_like, params), jnp.float32(0))


def step():
    global params, slots, stats
    params, slots, stats, value = train(params, slots, stats, x, y)
    value.block_until_ready()


steps = {"train": step, "infer": lambda: infer(params, stats, x).block_until_ready()}
count = sum(p.size for p in params)
for warm in steps.values():
    warm(), warm()
print("ready", count, "JAX", jax.__version__, flush=True)
for line in sys.stdin:
    kind, n = line.split()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(int(n)):
        steps[kind]()
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
