"""The network of this comparison in PyTorch: see main.go. Speaks its line protocol."""
import os
import sys
import time

import torch
from torch import nn

BATCH, WIDTHS, CLASSES = int(sys.argv[1]), [(32, 32), (64, 64), (128,)], 10
torch.manual_seed(1)
torch.set_num_threads(os.cpu_count())  # some builds begin with one

layers, channels = [], 3
for g, group in enumerate(WIDTHS):
    if g > 0:
        layers.append(nn.MaxPool2d(2))
    for width in group:
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        channels = width
net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)).to(memory_format=torch.channels_last)
sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
x = torch.rand(BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
y = torch.randint(0, CLASSES, (BATCH,))


def step():
    net.train()
    sgd.zero_grad(set_to_none=True)
    nn.functional.cross_entropy(net(x), y).backward()
    sgd.step()


def infer():
    net.eval()
    with torch.inference_mode():
        net(x)


steps = {"train": step, "infer": infer}
for warm in steps.values():
    warm(), warm()
print("ready PyTorch", torch.__version__, flush=True)
for line in sys.stdin:
    kind, n = line.split()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(int(n)):
        steps[kind]()
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
