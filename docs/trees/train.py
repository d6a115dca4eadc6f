"""Trains the demonstration's tree detector. No part of the product: it needs torch, see README.md beside it.

    python docs/trees/train.py DATA PHOTOGRAPH ... --output FILE.onnx

An anchor-free, one-stage detector: every cell of 4 x 4 pixels says how surely it is the middle of a crown (CenterNet,
Zhou et al. 2019) and how far the crown reaches in the four directions (FCOS, Tian et al. 2019; cells around the middle
learn the box too, as in TTFNet, Liu et al. 2020). About 220,000 numbers.
"""

import argparse
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageFilter
from torch import Tensor, nn
from torch.nn import functional

SIDE, STRIDE = 256, 4
LEAST_VISIBLE = 0.4
CANDIDATES, AT_MOST = 250, 100
OVERLAP, LEAST_SCORE = 0.4, 0.05


def read(stem: Path) -> tuple[np.ndarray, np.ndarray]:
    """A photograph, (h, w, 3) uint8, and its boxes, (n, 4): xmin, ymin, xmax, ymax in pixels."""
    pixels = np.asarray(Image.open(stem.with_suffix(".png")).convert("RGB"))
    corners = ("xmin", "ymin", "xmax", "ymax")
    objects = ET.parse(stem.with_suffix(".xml")).getroot().iter("object")
    return pixels, np.array([[float(one.findtext(f"bndbox/{corner}", "")) for corner in corners] for one in objects])


def example(photographs: list, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random cut: another place, scale, direction and light each time; (256, 256, 3) in 0..1 and its boxes."""
    areas = np.array([pixels.shape[0] * pixels.shape[1] for pixels, _ in photographs]) ** 0.5
    pixels, boxes = photographs[random.choice(len(photographs), p=areas / areas.sum())]
    scale = float(np.exp(random.uniform(np.log(0.75), np.log(1.4))))
    side = min(round(SIDE / scale), *pixels.shape[:2])
    left, top = random.integers(pixels.shape[1] - side + 1), random.integers(pixels.shape[0] - side + 1)
    cut = Image.fromarray(pixels[top : top + side, left : left + side]).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    if random.random() < 0.2:
        cut = cut.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.2)))
    moved = (boxes - [left, top, left, top]) * (SIDE / side)
    inside = np.clip(moved, 0, SIDE)
    visible = np.prod(inside[:, 2:] - inside[:, :2], axis=1) / np.prod(moved[:, 2:] - moved[:, :2], axis=1)
    inside = inside[visible >= LEAST_VISIBLE]
    colors = np.asarray(cut, np.float32) / 255
    for _ in range(random.integers(4)):
        colors = np.rot90(colors)
        inside = np.stack([inside[:, 1], SIDE - inside[:, 2], inside[:, 3], SIDE - inside[:, 0]], axis=1)
    if random.random() < 0.5:
        colors = colors[:, ::-1]
        inside = np.stack([SIDE - inside[:, 2], inside[:, 1], SIDE - inside[:, 0], inside[:, 3]], axis=1)
    return lit(colors, random), inside


def lit(colors: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same scene in another light: gamma, contrast, tint, saturation."""
    gray = colors.mean(axis=2, keepdims=True)
    colors = gray + (colors - gray) * random.uniform(0.5, 1.4)
    colors = np.clip(colors * random.uniform(0.88, 1.12, 3), 0, 1) ** random.uniform(0.7, 1.4)
    colors = (colors - colors.mean()) * random.uniform(0.75, 1.25) + colors.mean() * random.uniform(0.8, 1.2)
    return np.clip(colors, 0, 1).astype(np.float32)


def targets(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much each cell is a middle, (64, 64); the box it belongs to, (4, 64, 64); and how much that counts."""
    cells = SIDE // STRIDE
    heat, corners, weight = np.zeros((cells, cells)), np.zeros((4, cells, cells)), np.zeros((cells, cells))
    y, x = np.mgrid[:cells, :cells] * STRIDE + STRIDE / 2
    for box in sorted(boxes, key=lambda box: -np.prod(box[2:] - box[:2])):  # the small over the large
        center, size = (box[:2] + box[2:]) / 2, np.maximum(box[2:] - box[:2], 4)
        column, row = np.clip((center // STRIDE).astype(int), 0, cells - 1)
        middle = np.array([column, row]) * STRIDE + STRIDE / 2
        sigma = np.maximum(size * 0.54 / 6, 1.2)
        near = np.exp(-(((x - middle[0]) / sigma[0]) ** 2 + ((y - middle[1]) / sigma[1]) ** 2) / 2)
        heat = np.maximum(heat, near)
        own = near > 0.3
        corners[:, own], weight[own] = box[:, None], near[own] * np.log(np.prod(size)) / own.sum()
    return heat, corners, weight


def convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


class Block(nn.Module):
    """Two convolutions beside a way straight through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = convolution(width, width), convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Detector(nn.Module):
    """Pixels (n, 3, h, w) in 0..255 to the boxes (n, cells, 4) in pixels and their logits (n, cells)."""

    def __init__(self, widths: tuple[int, ...] = (16, 24, 40, 56)) -> None:
        super().__init__()
        a, b, c, d = widths
        self.fine = nn.Sequential(convolution(3, a, stride=2), convolution(a, b, stride=2), Block(b))
        self.middle = nn.Sequential(convolution(b, c, stride=2), Block(c), Block(c))
        self.coarse = nn.Sequential(convolution(c, d, stride=2), Block(d), Block(d))
        self.lower, self.up = convolution(d, c, 1), nn.Upsample(scale_factor=2, mode="nearest")
        self.mixed, self.low = convolution(c, c), convolution(c, b, 1)
        self.heat = nn.Sequential(convolution(b, b), nn.Conv2d(b, 1, 1))
        self.reach = nn.Sequential(convolution(b, b), nn.Conv2d(b, 4, 1))
        nn.init.constant_(self.heat[1].bias, -4.0)
        nn.init.constant_(self.reach[1].bias, 1.5)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine((pixels - 110.0) / 55.0)
        middle = self.middle(fine)
        mixed = self.mixed(middle + self.up(self.lower(self.coarse(middle))))
        x = fine + self.up(self.low(mixed))
        reach = functional.softplus(self.reach(x)) * 8.0
        rows = torch.arange(x.shape[2], device=x.device, dtype=x.dtype)[:, None] * STRIDE + STRIDE / 2
        columns = torch.arange(x.shape[3], device=x.device, dtype=x.dtype)[None, :] * STRIDE + STRIDE / 2
        left, top = columns - reach[:, 0], rows - reach[:, 1]
        right, bottom = columns + reach[:, 2], rows + reach[:, 3]
        boxes = torch.stack([left, top, right, bottom], dim=-1)
        return boxes.flatten(1, 2), self.heat(x).flatten(1)


def loss(boxes: Tensor, logits: Tensor, heat: Tensor, corners: Tensor, weight: Tensor) -> Tensor:
    """CenterNet's focal loss of the middles and the generalized IoU of the boxes (Rezatofighi et al. 2019)."""
    heat, weight = heat.flatten(1), weight.flatten(1)
    corners = corners.flatten(2).transpose(1, 2)
    chance = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    hits = heat > 0.999
    found = torch.where(hits, (1 - chance) ** 2 * chance.log(), (1 - heat) ** 4 * chance**2 * (1 - chance).log())
    shared = (torch.minimum(boxes, corners)[..., 2:] - torch.maximum(boxes, corners)[..., :2]).clamp(min=0).prod(-1)
    hull = (torch.maximum(boxes, corners)[..., 2:] - torch.minimum(boxes, corners)[..., :2]).clamp(min=1e-3).prod(-1)
    sizes = [(one[..., 2:] - one[..., :2]).prod(-1) for one in (boxes, corners)]
    union = sizes[0] + sizes[1] - shared
    generalized = shared / union.clamp(min=1e-3) - (hull - union) / hull
    fitted = ((1 - generalized) * weight).sum() / weight.sum().clamp(min=1e-3)
    return -found.sum() / hits.sum().clamp(min=1) + 2 * fitted


def train(photographs: list, *, steps: int, batch: int, seed: int) -> Detector:
    """The detector after so many batches of random cuts; its weights are the mean of the last ones."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    model = Detector()
    mean = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=True
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.1)
    started, recent = time.monotonic(), []
    for step in range(1, steps + 1):
        cuts = [example(photographs, random) for _ in range(batch)]
        wanted = [targets(boxes) for _, boxes in cuts]
        pixels = torch.from_numpy(np.stack([colors for colors, _ in cuts])).permute(0, 3, 1, 2) * 255
        heat, corners, weight = (torch.from_numpy(np.stack(part)).float() for part in zip(*wanted, strict=True))
        boxes, logits = model(pixels)
        value = loss(boxes, logits, heat, corners, weight)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        schedule.step()
        mean.update_parameters(model)
        recent.append(value.item())
        if step % 50 == 0:
            words = f"step {step} of {steps}: loss {np.mean(recent[-50:]):.3f}, {time.monotonic() - started:.0f} s\n"
            sys.stderr.write(words)
    return mean.module.eval()


class Answer(nn.Module):
    """What is exported: scores instead of logits."""

    def __init__(self, model: Detector) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        boxes, logits = self.model(image)
        return boxes, torch.sigmoid(logits)


def export(model: Detector, path: Path) -> None:
    """One ONNX file with the choice of boxes inside: the surest 250, then non-maximum suppression."""
    torch.onnx.export(
        Answer(model).eval(),
        (torch.zeros(1, 3, SIDE, SIDE),),
        str(path),
        input_names=["image"],
        output_names=["all_boxes", "all_scores"],
        opset_version=18,
        dynamo=True,
        external_data=False,
    )
    file = onnx.load(path)
    graph = file.graph
    constants: dict[str, np.ndarray] = {
        "candidates": np.array([CANDIDATES], np.int64),
        "at_most": np.array([AT_MOST], np.int64),
        "overlap": np.array([OVERLAP], np.float32),
        "least_score": np.array([LEAST_SCORE], np.float32),
        "first": np.array([0], np.int64),
        "second": np.array([1], np.int64),
        "third": np.full((), 2, np.int64),
        "class_column": np.full((), 1, np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.extend(
        [
            helper.make_node("TopK", ["all_scores", "candidates"], ["top_scores", "top_cells"], axis=1),
            helper.make_node("Squeeze", ["top_cells", "first"], ["top_cells_flat"]),
            helper.make_node("Gather", ["all_boxes", "top_cells_flat"], ["top_boxes"], axis=1),
            helper.make_node("Unsqueeze", ["top_scores", "second"], ["top_scores_of_class"]),
            helper.make_node(
                "NonMaxSuppression",
                ["top_boxes", "top_scores_of_class", "at_most", "overlap", "least_score"],
                ["selected"],
            ),
            helper.make_node("Gather", ["selected", "third"], ["selected_cells"], axis=1),
            helper.make_node("Gather", ["selected", "class_column"], ["selected_classes"], axis=1),
            helper.make_node("Gather", ["top_boxes", "selected_cells"], ["boxes"], axis=1),
            helper.make_node("Gather", ["top_scores", "selected_cells"], ["scores"], axis=1),
            helper.make_node("Unsqueeze", ["selected_classes", "first"], ["classes"]),
        ]
    )
    del graph.output[:]
    graph.output.extend(
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, "found", 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, "found"]),
            helper.make_tensor_value_info("classes", TensorProto.INT64, [1, "found"]),
        ]
    )
    del graph.value_info[:]
    for node in graph.node:  # the exporter notes where in this file each node comes from
        del node.metadata_props[:]
        node.doc_string = ""
    del file.metadata_props[:]
    onnx.checker.check_model(file, full_check=True)
    onnx.save(file, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder deepforest/data of the wheel")
    parser.add_argument("photographs", nargs="+", help="names without ending")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = train(
        [read(given.data / name) for name in given.photographs], steps=given.steps, batch=given.batch, seed=given.seed
    )
    export(model, given.output)
    numbers = sum(parameter.numel() for parameter in model.parameters())
    sys.stderr.write(f"{numbers:,} numbers, {given.output.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
