"""A network of the comparison in PyTorch, as main.go starts it: NETWORK BATCH [compile].

Layers, shapes, loss and optimiser are those of the program of the same name in
lemonade/benchmark/networks. It speaks main.go's line protocol.
"""
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

NETWORK, BATCH, COMPILE = sys.argv[1], int(sys.argv[2]), "compile" in sys.argv[3:]
torch.manual_seed(1)
torch.set_num_threads(os.cpu_count())  # some builds begin with one
classes = 2 if NETWORK == "lstm" else 10


def conv(channels, filters, kernel=3, stride=1, groups=1):
    return nn.Conv2d(channels, filters, kernel, stride, padding=kernel // 2, groups=groups, bias=False)


def unit(channels, filters, relu=True, **how):
    layers = [conv(channels, filters, **how), nn.BatchNorm2d(filters, momentum=0.05)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


def plain():
    return nn.Sequential(unit(3, 32), unit(32, 32), nn.MaxPool2d(2), unit(32, 64), unit(64, 64), nn.MaxPool2d(2), unit(64, 128), *head(128))


class Block(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.body = nn.Sequential(unit(channels, filters, stride=stride), unit(filters, filters, relu=False))
        self.short = unit(channels, filters, relu=False, kernel=1, stride=stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        return F.relu(self.short(x) + self.body(x))


def residual():
    layers, channels = [unit(3, 16)], 16
    for i, filters in enumerate([16, 32, 64]):
        for j in range(2):
            layers.append(Block(channels, filters, 2 if i > 0 and j == 0 else 1))
            channels = filters
    return nn.Sequential(*layers, *head(64))


def separable():
    layers, channels = [unit(3, 32)], 32
    for filters, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1)]:
        layers += [unit(channels, channels, stride=stride, groups=channels), unit(channels, filters, kernel=1)]
        channels = filters
    return nn.Sequential(*layers, *head(channels))


class Excite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = unit(channels, channels, relu=False)
        self.down, self.up = nn.Linear(channels, channels // 4), nn.Linear(channels // 4, channels)

    def forward(self, x):
        h = self.body(x)
        gate = torch.sigmoid(self.up(F.relu(self.down(h.mean((2, 3))))))
        return F.relu(x + h * gate[:, :, None, None])


def squeeze():
    layers, channels = [], 3
    for i, filters in enumerate([32, 64, 128]):
        layers += [nn.MaxPool2d(2)] if i > 0 else []
        layers += [unit(channels, filters), Excite(filters)]
        channels = filters
    return nn.Sequential(*layers, *head(channels))


class Encoder(nn.Module):
    def __init__(self, size, heads, hidden):
        super().__init__()
        self.heads, self.before, self.after = heads, nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.mlp = nn.Sequential(nn.Linear(size, hidden), nn.GELU(), nn.Linear(hidden, size))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.before(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(self.after(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 96, 4, 4)
        self.positions = nn.Parameter(0.02 * torch.randn(64, 96))
        self.encoders = nn.Sequential(*(Encoder(96, 4, 192) for _ in range(4)), nn.LayerNorm(96))
        self.head = nn.Linear(96, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(self.encoders(x).mean(1))


class LSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(10_000, 64, padding_idx=0), nn.LSTM(64, 128, batch_first=True)
        self.lstm.bias_hh_l0.requires_grad_(False).zero_()  # one bias, as the others
        self.head = nn.Linear(128, classes)

    def forward(self, tokens):
        return self.head(self.lstm(self.embedding(tokens))[0][:, -1])


class Ninth(nn.Module):
    def forward(self, x):
        return x * (1 / 9)


def airbench():
    layers, channels = [nn.Conv2d(3, 24, 2), nn.GELU()], 24
    for filters in [64, 256, 256]:
        layers += [conv(channels, filters), nn.MaxPool2d(2), nn.BatchNorm2d(filters), nn.GELU()]
        layers += [conv(filters, filters), nn.BatchNorm2d(filters), nn.GELU()]
        channels = filters
    return nn.Sequential(*layers, nn.MaxPool2d(3), nn.Flatten(), nn.Linear(256, classes, bias=False), Ninth())


net = {"plain": plain, "residual": residual, "separable": separable, "squeeze": squeeze, "transformer": Transformer,
       "lstm": LSTM, "airbench": airbench}[NETWORK]()
if NETWORK == "lstm":
    x = torch.randint(0, 10_000, (BATCH, 256))
else:
    net = net.to(memory_format=torch.channels_last)
    x = torch.rand(BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
y = torch.randint(0, classes, (BATCH,))
trained = [p for p in net.parameters() if p.requires_grad]
if NETWORK in ("transformer", "lstm"):
    decay = 0.05 if NETWORK == "transformer" else 0.0
    groups = [{"params": [p for p in trained if p.ndim > 1], "weight_decay": decay}, {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=0.001, fused=True)
else:
    optimiser = torch.optim.SGD(trained, lr=0.01, momentum=0.9, nesterov=True, fused=True)
model = torch.compile(net) if COMPILE else net


def step():
    net.train()
    optimiser.zero_grad(set_to_none=True)
    F.cross_entropy(model(x), y).backward()
    optimiser.step()


def infer():
    net.eval()
    with torch.inference_mode():
        model(x)


steps = {"train": step, "infer": infer}
for warm in steps.values():
    warm(), warm()
print("ready", sum(p.numel() for p in trained), "PyTorch", torch.__version__, *(["compiled"] if COMPILE else []), flush=True)
for line in sys.stdin:
    kind, n = line.split()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(int(n)):
        steps[kind]()
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
