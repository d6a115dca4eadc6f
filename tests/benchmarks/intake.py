"""What it takes to take in 1080p images beside the best bare loop of decoding and statistics: `make bench-intake`.

The bare loops are those of the fastest in `docs/throughput.md`: Pillow's draft or OpenCV's reduced decode to at least
256 pixels, then brightness, saturation, colorfulness, variance of the Laplacian and entropy with OpenCV; nothing is
checked or kept. Beside them, on the same files in turns and on one thread: `describe` (address, all checks, statistics
and descriptor: what a run keeps of an image), `prepare` (address, all checks, thumbnail: what an import needs), and
whole imports, the sandbox, thumbnails, files and rows included. Processor seconds; exits with 1 where `describe` or an
import misses the goal.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from tests.benchmarks import installation

DIRECTORY = installation.fresh(OMP_NUM_THREADS="1")

import cv2
import numpy as np
from django.contrib.auth.models import User
from django.core.management import call_command
from PIL import Image

from datasets import importing
from datasets.creation import create_dataset
from datasets.models import Task
from datasets.preparation import prepare
from hardexamples.extraction import LEAST_SIDE, describe
from tests.benchmarks import many_inputs

GOAL = 0.7
WIDTH, HEIGHT = 1920, 1080


def numbers(rgb: np.ndarray) -> list[float]:
    """Brightness, saturation, colorfulness, clarity and entropy, with OpenCV alone."""
    hsv = cv2.mean(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV))
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    red, green, blue = cv2.split(rgb.astype(np.float32))
    across, down = cv2.meanStdDev(red - green), cv2.meanStdDev(0.5 * (red + green) - blue)
    color = np.hypot(across[1], down[1]) + 0.3 * np.hypot(across[0], down[0])
    share = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel() / gray.size
    share = share[share > 0]
    clarity = cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))[1][0, 0] ** 2
    return [hsv[2], hsv[1], float(color[0, 0]), float(clarity), float(-(share * np.log2(share)).sum())]


def with_pillow(data: bytes) -> list[float]:
    """Pillow's draft decode, and the numbers."""
    with Image.open(BytesIO(data)) as image:
        image.draft("RGB", (WIDTH * LEAST_SIDE // HEIGHT, LEAST_SIDE))
        return numbers(np.asarray(image))


def with_opencv(data: bytes) -> list[float]:
    """OpenCV's reduced decode, and the numbers."""
    return numbers(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_4)[:, :, ::-1].copy())


def spent() -> float:
    """Processor seconds of this process, its threads, and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def loop(function: Callable[[bytes], object], files: list[Path]) -> float:
    """Milliseconds of the processor per file."""
    began = time.process_time()
    for file in files:
        function(file.read_bytes())
    return 1000 * (time.process_time() - began) / len(files)


def imported(folder: Path, by: User) -> float:
    """Milliseconds of the processor per file of a whole import, sandbox included."""
    dataset = create_dataset(name=folder.name, task=Task.IMAGE_CLASSIFICATION, by=by)
    importing.image_sandbox().call(prepare, next(folder.iterdir()).read_bytes(), deadline=60)  # it has started
    began = spent()
    sandboxed = _of_children()
    task = importing.start_import(dataset=dataset, location=f"inputs:{folder.name}", by=by)
    importing.execute(task.pk)
    task.refresh_from_db()
    assert task.added == task.total, task.error
    return 1000 * (spent() - began + _of_children() - sandboxed) / task.total


def _of_children() -> float:
    """Processor seconds of the children that live."""
    used = 0
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Runs the benchmark; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=120, help="a round")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    call_command("migrate", verbosity=0)
    by = User.objects.create_superuser("bench")
    ways: dict[str, Callable[[bytes], object]] = {
        "bare, Pillow": with_pillow,
        "bare, OpenCV": with_opencv,
        "describe": describe,
        "prepare": prepare,
    }
    costs: dict[str, list[float]] = {name: [] for name in (*ways, "import")}
    for number in range(asked.rounds):
        folder = DIRECTORY / "inputs" / f"hd{number}"
        many_inputs.write_photographs(folder, count=asked.images, width=WIDTH, height=HEIGHT)
        files = sorted(folder.iterdir())
        for name, function in ways.items():
            costs[name].append(loop(function, files))
        costs["import"].append(imported(folder, by))
        print(", ".join(f"{name} {found[-1]:.2f} ms" for name, found in costs.items()), flush=True)
    best = [min(pair) for pair in zip(costs["bare, Pillow"], costs["bare, OpenCV"], strict=True)]
    met = True
    for name in ("describe", "prepare", "import"):
        ratio = statistics.median(bare / ours for bare, ours in zip(best, costs[name], strict=True))
        goal = f" (goal {GOAL})" if name != "prepare" else ""
        print(f"{name}: {ratio:.2f} of the best bare loop{goal}")
        met = met and (name == "prepare" or ratio >= GOAL)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
