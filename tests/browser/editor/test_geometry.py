"""The arithmetic of boxes, in the browser that does it."""

from tests.browser.editor.bench import Bench

PROPERTIES = """() => {
  const {between, moved, resized, grown, beside, handleAt, zoomed, held} = geometry;
  const {toImage, toStage, snap, CORNERS, LEAST} = geometry;
  let seed = 20261122;
  const random = () => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32);
  const pick = (low, high) => low + random() * (high - low);
  const faults = [];
  const check = (holds, ...what) => holds || faults.length > 5 || faults.push(JSON.stringify(what));
  const inside = ([a, b, c, d], {width, height}) => a >= 0 && b >= 0 && c <= width && d <= height && a <= c && b <= d;
  const handles = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
  for (let round = 0; round < 20000; round++) {
    const size = {width: Math.ceil(pick(1, 4000)), height: Math.ceil(pick(1, 4000))};
    const point = () => ({x: pick(-50, size.width + 50), y: pick(-50, size.height + 50)});
    const [one, other] = [point(), point()];
    const drawn = between(one, other, size);
    if (drawn) {
      check(inside(drawn, size) && drawn[2] - drawn[0] >= LEAST && drawn[3] - drawn[1] >= LEAST, "between", drawn);
      check(drawn.every((number) => Number.isInteger(number * 256)), "grid", drawn);
    }
    const xs = [pick(0, size.width), pick(0, size.width)].sort((a, b) => a - b);
    const ys = [pick(0, size.height), pick(0, size.height)].sort((a, b) => a - b);
    const box = [xs[0], ys[0], xs[1], ys[1]];
    const [dx, dy] = [snap(pick(-5000, 5000)), snap(pick(-5000, 5000))];
    const [there] = moved([box], dx, dy, size);
    check(inside(there, size), "moved", box, dx, dy, there);
    check(Math.abs(there[2] - there[0] - xs[1] + xs[0]) < 1e-9, "kept its width", box, there);
    check(moved([box], 0, 0, size)[0].every((number, side) => number === box[side]), "stayed", box);
    const handle = handles[Math.floor(random() * 8)];
    const grew = resized(box, handle, dx, dy, size);
    check(inside(grew, size), "resized", box, handle, dx, dy, grew);
    const thin = grew[2] - grew[0] < LEAST - 1e-9 || grew[3] - grew[1] < LEAST - 1e-9;
    check(handle.length === 1 || !dx || !dy || !thin, "least", box, grew);
    if (handle === "n" || handle === "s") check(grew[0] === box[0] && grew[2] === box[2], "sides", box, handle, grew);
    if (handle === "e" || handle === "w") check(grew[1] === box[1] && grew[3] === box[3], "ends", box, handle, grew);
    check(resized(box, handle, 0, 0, size).every((number, side) => number === box[side]), "unmoved", box);
    for (const corner of CORNERS) {
      const grew = grown(box, dx, dy, size, corner);
      const still = [corner.includes("w") ? 2 : 0, corner.includes("n") ? 3 : 1];
      check(inside(grew, size) && still.every((side) => grew[side] === box[side]), "grown", corner, box, grew);
    }
    check(inside(beside([box], 12, size)[0], size), "beside", box);
    if (drawn) {
      const [x, y] = [snap(pick(-9, 9)), snap(pick(-9, 9))];
      const wide = {width: 1e5, height: 1e5};
      const far = drawn.map((number) => number + 100);
      const back = moved(moved([far], x, y, wide), -x, -y, wide)[0];
      check(back.every((number, side) => number === far[side]), "there and back", far, x, y, back);
    }
    const view = {scale: pick(0.05, 60), x: pick(-900, 900), y: pick(-900, 900)};
    const at = {x: pick(0, 800), y: pick(0, 600)};
    const near = zoomed(view, pick(0.2, 5), at, [0.01, 100]);
    const [before, after] = [toImage(view, at), toImage(near, at)];
    check(Math.hypot(before.x - after.x, before.y - after.y) < 1e-6, "zoomed", view, at);
    const stage = {width: 800, height: 600};
    const kept = held(view, stage, size);
    const [left, top, right, bottom] = toStage(kept, [0, 0, size.width, size.height]);
    check(left <= 752 + 1e-9 && right >= 48 - 1e-9 && top <= 552 + 1e-9 && bottom >= 48 - 1e-9, "held", view, kept);
    check(handleAt(box, {x: (xs[0] + xs[1]) / 2, y: (ys[0] + ys[1]) / 2}, 22) === "", "the middle moves", box);
  }
  return faults;
}"""


def test_the_arithmetic_of_boxes(bench: Bench) -> None:
    """20,000 random images, boxes and moves: never outside, never thinner than a pixel, nothing changed in passing."""
    assert bench.ask(PROPERTIES) == []
