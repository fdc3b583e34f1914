"""What K tickets of ResNet-18 cost, K = 5, 10 and 20, each in a process of its own: one row of CSV each.

A context is 64 images of CIFAR-10, one batch; masks keep half of the weights, at random. The plain step is that of one
network, with two threads inside each operator. A joint step is one of each ticket: the synchronous one has two passes
side by side, the sequential one has one thread. Memory is what is resident (Linux alone tells): with the weights there,
and the most in steps of each update and in finishing the tickets. Similarity is of all pairs of masks, and of their
departures.
"""

import statistics
import subprocess
import sys
import time
from os import environ
from pathlib import Path

COUNTS = (5, 10, 20)
BATCH, STEPS = 64, 5
COLUMNS = (
    "contexts,weights,plain_step_of_one_s,synchronous_step_s,sequential_step_s,before_mb,synchronous_peak_mb,"
    "sequential_peak_mb,ticket_file_bytes,similarity_s"
)
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measure(count: int) -> list[float]:
    import numpy as np
    import torch
    from torch import nn
    from torchvision.models import resnet18

    from rtl_core import ContextProblem, OptimizerChoice
    from rtl_core.construction import initial_weights
    from rtl_core.masks import Masks
    from rtl_core.plain_reference import plain_ticket
    from rtl_core.randomness import Stream
    from rtl_core.similarity import departures, every_pair, similarity
    from rtl_core.ticket_file import tickets_to_bytes
    from rtl_core.tickets import finish_tickets
    from rtl_core.updates import UPDATES, SharedWeights

    cifar = np.load(Path(environ["RTL_DATA"]) / "cifar10/train.npz")
    images = torch.from_numpy(cifar["images"][: count * BATCH]).permute(0, 3, 1, 2) / 255
    labels = torch.from_numpy(cifar["labels"][: count * BATCH])
    parts = {f"part {k}": (images[BATCH * k :][:BATCH].contiguous(), labels[BATCH * k :][:BATCH]) for k in range(count)}
    torch.manual_seed(0)
    network = resnet18(num_classes=10)
    problem = ContextProblem(
        network, train=parts, test=parts, loss=nn.functional.cross_entropy, metrics={"accuracy": accuracy}, device="cpu"
    )
    stream, adam = Stream(0).at(problem="cost"), OptimizerChoice("adam", 0.001)
    weights = initial_weights(problem, stream)
    origin = weights.prunable.detach().clone()
    draw, half = stream.at(draw="masks").generator(), weights.layout.size // 2
    kept = torch.zeros(count, weights.layout.size, dtype=torch.bool)
    for mask in kept:
        mask[torch.randperm(len(mask), generator=draw)[:half]] = True
    masks = Masks(weights.layout, kept)
    batches = [next(iter(objective.batches(stream.generator()))) for objective in problem.objectives]
    places = [stream.at(subset=name) for name in problem.subsets]

    torch.set_num_threads(2)
    one = seconds(plain_step(plain_ticket(problem, masks, 0, stream), problem.objectives[0], batches[0]))
    torch.set_num_threads(1)

    before, steps, peaks = resident("VmRSS"), [], []
    for update, threads in (("synchronous", 2), ("sequential", 1)):
        RESET.write_text("5")  # forgets the peak so far
        shared = SharedWeights(weights, masks, problem.objectives)
        joint_step = UPDATES[update](shared, adam, threads)
        steps.append(seconds(lambda step=joint_step: step(batches, places)))
        weights.load(shared.theta, weights.dense)
        tickets = finish_tickets(weights, masks, problem.objectives, stream)
        peaks.append(resident("VmHWM"))
        del shared, joint_step
    size = len(tickets_to_bytes(tickets))
    began = time.perf_counter()
    similarity(masks, every_pair(count))
    similarity(departures(masks, origin), every_pair(count))
    return [count, weights.layout.size, one, *steps, before, *peaks, size, time.perf_counter() - began]


def accuracy(outputs, targets):
    return (outputs.argmax(1) == targets).float().mean()


def plain_step(network, objective, batch):
    from rtl_core import OptimizerChoice
    from rtl_core.plain_reference import plain_training

    optimizer = OptimizerChoice("adam", 0.001)(list(network.parameters()))
    return lambda: plain_training(network, optimizer, objective, [batch])


def seconds(step) -> float:
    """Of one step: the median, after one to warm up."""
    step()
    times = []
    for _ in range(STEPS):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def resident(key: str) -> float:
    """Resident memory in MB, now or at its peak."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    if sys.argv[1:]:
        print(",".join(f"{figure:.6g}" if figure % 1 else f"{figure:.0f}" for figure in measure(int(sys.argv[1]))))
    else:
        print(COLUMNS, flush=True)
        for count in COUNTS:
            subprocess.run([sys.executable, __file__, str(count)], check=True)
