// The gestures of the box editor. Each is an object with move(point), end() and cancel(), and perhaps begin(), which
// comes before the first move. Points are screen pixels of the stage.

import { LEAST, between, encloses, moved, resized, snap, toImage } from "./geometry.js";

const THIN = 3; // screen pixels: a drawn box with a shorter side is a slip of the hand

/** A new box between two corners. */
export function draw(editor, start) {
  const { canvas } = editor;
  const from = toImage(editor.view, start);
  const least = Math.max(LEAST, THIN / editor.view.scale);
  let drawn = null;
  return {
    move(point) {
      drawn = editor.tool === null ? null : between(from, toImage(editor.view, point), canvas.size, least);
      canvas.draft(drawn, editor.tool);
    },
    end() {
      canvas.draft(null);
      if (drawn) editor.draw(drawn);
    },
    cancel: () => canvas.draft(null),
  };
}

// Boxes that follow the pointer: `target(boxes, dx, dy)` gives their numbers, in pixels of the image.
function follow(editor, start, box, target) {
  const { boxes, canvas } = editor;
  let dragged = [];
  let places = new Map();
  const back = () => {
    canvas.drag(dragged.map((each) => [each.id, each.box]));
    editor.refresh();
  };
  return {
    begin(alone) {
      if (alone || !boxes.chosen.has(box.id)) editor.select([box.id]);
      dragged = boxes.chosenBoxes;
    },
    move(point) {
      const dx = snap((point.x - start.x) / editor.view.scale);
      const dy = snap((point.y - start.y) / editor.view.scale);
      const numbers = target(dragged.map((each) => each.box), dx, dy);
      places = new Map(dragged.map(({ id }, index) => [id, numbers[index]]));
      canvas.drag([...places]);
    },
    end() {
      if (boxes.alter(({ id }) => ({ box: places.get(id) }))) editor.finish();
      else back();
    },
    cancel: back,
  };
}

/** The chosen boxes moved together; a box that was not chosen is chosen first. */
export function shift(editor, box, start) {
  return follow(editor, start, box, (boxes, dx, dy) => moved(boxes, dx, dy, editor.canvas.size));
}

/** One box by an edge or a corner. */
export function resize(editor, box, handle, start) {
  const gesture = follow(editor, start, box, ([numbers], dx, dy) => [
    resized(numbers, handle, dx, dy, editor.canvas.size),
  ]);
  return { ...gesture, begin: () => gesture.begin(editor.boxes.chosen.size > 1) };
}

/** A rubber band, which chooses what lies inside, besides what was chosen. */
export function band(editor, start) {
  const { boxes, canvas } = editor;
  const before = [...boxes.chosen];
  return {
    move(point) {
      const place = [
        Math.min(start.x, point.x),
        Math.min(start.y, point.y),
        Math.max(start.x, point.x),
        Math.max(start.y, point.y),
      ];
      const low = toImage(editor.view, { x: place[0], y: place[1] });
      const high = toImage(editor.view, { x: place[2], y: place[3] });
      const inside = boxes.list.filter(({ box }) => encloses([low.x, low.y, high.x, high.y], box));
      canvas.band(place);
      boxes.choose([...before, ...inside.map(({ id }) => id)]);
      editor.refresh();
    },
    end() {
      canvas.band(null);
      editor.select([...boxes.chosen]);
    },
    cancel() {
      canvas.band(null);
      editor.select(before);
    },
  };
}

/** The image pushed about. */
export function pan(editor, start) {
  const from = editor.view;
  return {
    move({ x, y }) {
      editor.camera.look({ ...from, x: from.x + x - start.x, y: from.y + y - start.y });
    },
    end: () => {},
    cancel: () => editor.camera.look(from),
  };
}

/** Two fingers: the image follows them. `fingers()` gives their points. */
export function pinch(editor, fingers) {
  const from = editor.view;
  const spread = () => {
    const [one, other] = fingers();
    return {
      x: (one.x + other.x) / 2,
      y: (one.y + other.y) / 2,
      length: Math.max(1, Math.hypot(one.x - other.x, one.y - other.y)),
    };
  };
  const start = spread();
  return {
    move() {
      const now = spread();
      const pushed = { ...from, x: from.x + now.x - start.x, y: from.y + now.y - start.y };
      editor.camera.zoomBy(now.length / start.length, now, pushed);
    },
    end: () => {},
    cancel: () => {},
  };
}
