"""The bare loop that the batch service is measured against: read, decode reduced, preprocess, run; nothing is kept.

    python -m tests.benchmarks.bare_loop MODEL FOLDER PROCESSES

As many processes as are told, a thread each, share the files of a folder. Prints JSON: files, seconds from the moment
when all have loaded the model, and processor seconds. OpenCV's reduced decode is the fastest here (docs/scaling.md).
"""

import json
import multiprocessing
import os
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Queue

import cv2
import numpy as np
import onnxruntime

from tests.benchmarks.many_inputs import INPUT, SIDE

REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}


def tensor(data: bytes, reduction: int) -> np.ndarray:
    """(1, 3, 224, 224) float32 from a JPEG file."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED.get(reduction, cv2.IMREAD_COLOR))
    pixels = cv2.resize(bgr, (SIDE, SIDE), interpolation=cv2.INTER_AREA)[:, :, ::-1].astype(np.float32)
    pixels -= np.array(INPUT["mean"], np.float32)
    pixels *= np.array(INPUT["scale"], np.float32)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def reduction_of(data: bytes) -> int:
    """The strongest reduction of the decoder that leaves at least what the model needs."""
    height, width = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    return next((each for each in REDUCED if min(height, width) // each >= SIDE), 1)


def loop(model: bytes, files: list[Path], gate: Barrier, told: Queue) -> None:
    """One process of the loop."""
    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    reduction = reduction_of(files[0].read_bytes())
    session.run(None, {"image": tensor(files[0].read_bytes(), reduction)})
    gate.wait()
    began = time.process_time()
    for file in files:
        session.run(None, {"image": tensor(file.read_bytes(), reduction)})
    told.put(time.process_time() - began)


def main() -> None:
    """Runs the loop and prints its figures."""
    model, folder, processes = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]), int(sys.argv[3])
    files = sorted(folder.iterdir())
    context = multiprocessing.get_context("spawn")
    gate, told = context.Barrier(processes + 1), context.Queue()
    workers = [
        context.Process(target=loop, args=(model, files[place::processes], gate, told)) for place in range(processes)
    ]
    for worker in workers:
        worker.start()
    gate.wait()
    began = time.monotonic()
    processor = sum(told.get() for _ in workers)
    seconds = time.monotonic() - began
    for worker in workers:
        worker.join()
    print(json.dumps({"files": len(files), "seconds": seconds, "processor": processor}))


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
