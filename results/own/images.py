"""Two folders of images, a sub-folder a class, from CIFAR-10: `images/known` and `images/new`, five classes each."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

KNOWN = ("airplane", "automobile", "ship", "truck", "horse")
"""Classes that the checkpoint is trained on."""
NEW = ("bird", "cat", "deer", "dog", "frog")
PER_CLASS = 300

cifar = np.load(Path(os.environ["RTL_DATA"]) / "cifar10/train.npz")
pictures, labels = cifar["images"], cifar["labels"]  # each reads the whole file
names = [str(name) for name in cifar["classes"]]
for folder, classes in (("known", KNOWN), ("new", NEW)):
    for name in classes:
        target = Path("images", folder, name)
        target.mkdir(parents=True)
        chosen = (labels == names.index(name)).nonzero()[0][:PER_CLASS]
        for number in chosen:
            Image.fromarray(pictures[number]).save(target / f"{number:05}.png")
