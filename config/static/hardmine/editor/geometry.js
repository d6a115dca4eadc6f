// The arithmetic of boxes and of the view, without a page: numbers in, numbers out.
//
// A box is [xmin, ymin, xmax, ymax] in pixels of the upright image. A view is {scale, x, y}: a point p of the image is
// seen at (x + scale * p.x, y + scale * p.y) of the stage. A size is {width, height}.
//
// Pointers move edges by multiples of 1/256 pixel, finer than a screen shows. Such numbers are exact in binary, so that
// a move and its counter-move give back the same box, and sums never show digits that nobody drew. An edge that was not
// moved keeps its number to the last decimal.

export const LEAST = 1; // the least width and height of a box that is drawn or resized, in pixels of the image
const STEP = 256;
const CLOSEST = 64; // screen pixels for one pixel of the image, at most
const IN_SIGHT = 48; // screen pixels of the image that stay on the stage, however far it is pushed

export const snap = (value) => Math.round(value * STEP) / STEP;
export const clamp = (value, low, high) => Math.max(low, Math.min(value, high));
export const area = ([xmin, ymin, xmax, ymax]) => (xmax - xmin) * (ymax - ymin);
export const same = (one, other) => one.every((number, index) => number === other[index]);
export const has = ([xmin, ymin, xmax, ymax], { x, y }) => x >= xmin && x <= xmax && y >= ymin && y <= ymax;
export const encloses = (outer, box) =>
  outer[0] <= box[0] && outer[1] <= box[1] && outer[2] >= box[2] && outer[3] >= box[3];

/** The box between two points, cut at the image's border; null where a side would be shorter than the least. */
export function between(start, end, { width, height }, least = LEAST) {
  const xs = [start.x, end.x].map((x) => clamp(snap(x), 0, width)).sort((a, b) => a - b);
  const ys = [start.y, end.y].map((y) => clamp(snap(y), 0, height)).sort((a, b) => a - b);
  return xs[1] - xs[0] < least || ys[1] - ys[0] < least ? null : [xs[0], ys[0], xs[1], ys[1]];
}

/** The boxes moved together by as much of (dx, dy) as keeps all of them in the image. Their sizes stay. */
export function moved(boxes, dx, dy, { width, height }) {
  const [left, top] = [0, 1].map((side) => Math.min(...boxes.map((box) => box[side])));
  const [right, bottom] = [2, 3].map((side) => Math.max(...boxes.map((box) => box[side])));
  const across = clamp(dx, -left, Math.max(-left, width - right));
  const down = clamp(dy, -top, Math.max(-top, height - bottom));
  return boxes.map(([xmin, ymin, xmax, ymax]) => [
    Math.max(0, xmin + across),
    Math.max(0, ymin + down),
    Math.min(width, xmax + across),
    Math.min(height, ymax + down),
  ]);
}

/** The boxes as much to the side of themselves as there is room for: down and right, or else another way. */
export function beside(boxes, away, size) {
  const ways = [1, -1].flatMap((x) => [1, -1].map((y) => moved(boxes, x * away, y * away, size)));
  const free = ways.find(([[xmin, ymin]]) => xmin !== boxes[0][0] && ymin !== boxes[0][1]);
  return free ?? ways.find(([box]) => !same(box, boxes[0])) ?? ways[0];
}

// One axis of a resize: the moved edge may cross the fixed one, but never comes nearer to it than the least size.
function stretched(fixed, edge, size) {
  let to = clamp(edge, 0, size);
  if (Math.abs(to - fixed) < LEAST) {
    const away = to > fixed || (to === fixed && fixed + LEAST <= size) ? 1 : -1;
    to = fixed + away * LEAST;
    if (to < 0 || to > size) to = fixed - away * LEAST;
  }
  return to < fixed ? [to, fixed] : [fixed, to];
}

/** The box with the edges of a handle ("n", "se", ...) moved by (dx, dy). Crossing the other edge turns it over. */
export function resized([xmin, ymin, xmax, ymax], handle, dx, dy, { width, height }) {
  if (dx !== 0) {
    if (handle.includes("w")) [xmin, xmax] = stretched(xmax, xmin + dx, width);
    else if (handle.includes("e")) [xmin, xmax] = stretched(xmin, xmax + dx, width);
  }
  if (dy !== 0) {
    if (handle.includes("n")) [ymin, ymax] = stretched(ymax, ymin + dy, height);
    else if (handle.includes("s")) [ymin, ymax] = stretched(ymin, ymax + dy, height);
  }
  return [xmin, ymin, xmax, ymax];
}

/** The corners of a box, clockwise from the one that the keyboard holds first. */
export const CORNERS = ["se", "sw", "nw", "ne"];

/** The box with a corner moved by (dx, dy): the keyboard's resize, which stops at the least size. */
export function grown([xmin, ymin, xmax, ymax], dx, dy, { width, height }, corner = CORNERS[0]) {
  if (dx !== 0) {
    if (corner.includes("w")) xmin = clamp(xmin + dx, 0, Math.max(xmax - LEAST, 0));
    else xmax = clamp(xmax + dx, Math.min(xmin + LEAST, width), width);
  }
  if (dy !== 0) {
    if (corner.includes("n")) ymin = clamp(ymin + dy, 0, Math.max(ymax - LEAST, 0));
    else ymax = clamp(ymax + dy, Math.min(ymin + LEAST, height), height);
  }
  return [xmin, ymin, xmax, ymax];
}

/** The handle of a box at a point, both in screen pixels: "nw", "n", ... or "". Whole edges are handles. A quarter of
 *  each side at most is edge, so that the middle of a small box stays for moving it. */
export function handleAt([xmin, ymin, xmax, ymax], { x, y }, reach) {
  if (x < xmin - reach || x > xmax + reach || y < ymin - reach || y > ymax + reach) return "";
  const across = Math.min(reach, (xmax - xmin) / 4);
  const down = Math.min(reach, (ymax - ymin) / 4);
  const vertical = y <= ymin + down ? "n" : y >= ymax - down ? "s" : "";
  const horizontal = x <= xmin + across ? "w" : x >= xmax - across ? "e" : "";
  return vertical + horizontal;
}

export const toImage = (view, { x, y }) => ({ x: (x - view.x) / view.scale, y: (y - view.y) / view.scale });
export const toStage = (view, [xmin, ymin, xmax, ymax]) => [
  view.x + view.scale * xmin,
  view.y + view.scale * ymin,
  view.x + view.scale * xmax,
  view.y + view.scale * ymax,
];

/** The view that shows a box of the image in the middle of the stage, filling `share` of it. */
export function showing(box, stage, share) {
  const scale = Math.min((stage.width * share) / (box[2] - box[0]), (stage.height * share) / (box[3] - box[1]));
  return {
    scale,
    x: (stage.width - scale * (box[0] + box[2])) / 2,
    y: (stage.height - scale * (box[1] + box[3])) / 2,
  };
}

/** The least and greatest scale: half of the whole image's, and large enough to see single pixels. */
export const scales = (fit) => [fit / 2, Math.max(CLOSEST, fit * 8)];

/** The view zoomed by a factor, with the point of the stage staying where it is. */
export function zoomed(view, factor, { x, y }, [least, greatest]) {
  const scale = clamp(view.scale * factor, least, greatest);
  const ratio = scale / view.scale;
  return { scale, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
}

/** The view pushed back so that some of the image stays in sight. */
export function held(view, stage, { width, height }) {
  const x = Math.min(IN_SIGHT, stage.width / 2);
  const y = Math.min(IN_SIGHT, stage.height / 2);
  return {
    scale: view.scale,
    x: clamp(view.x, x - view.scale * width, stage.width - x),
    y: clamp(view.y, y - view.scale * height, stage.height - y),
  };
}
