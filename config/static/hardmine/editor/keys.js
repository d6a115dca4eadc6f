// What a key press means to the box editor. Labels take digits and letters only and come first; all else is a command.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAR = 10;
const ZOOM = 1.25;
const TYPING = "input, select, textarea, [contenteditable], dialog";
const PRESSABLE = "a, button, summary, [role=button]";

/** Do what a key press means; false where it means nothing to the boxes and the page may have it. */
export function press(editor, event) {
  const elsewhere = event.target instanceof Element && !editor.element.contains(event.target) ? event.target : null;
  if (event.defaultPrevented || event.altKey || elsewhere?.closest(TYPING)) return false;
  if (editor.gestures.busy) {
    if (event.key === "Escape") editor.gestures.cancel();
    return true; // nothing else happens in the middle of a drag
  }
  if (event.ctrlKey || event.metaKey) return command(editor, event);
  if (event.key in ARROWS) return arrow(editor, event);
  const typed = character(event);
  const label = editor.labels.find(({ shortcut }) => shortcut && shortcut.toLowerCase() === typed);
  if (label) return named(editor, event, label.name);
  return plain(editor, event, elsewhere?.closest(PRESSABLE));
}

// The letter or digit that was typed. On a keyboard whose keys give neither (Cyrillic letters, French digits), the one
// that its key would give elsewhere, unless what it gives is a command.
function character({ key, code, shiftKey }) {
  const elsewhere = /^(?:Key|Digit)(.)$/.exec(code);
  const foreign = key.length === 1 && !/[a-z0-9+\-=_ ?.,]/i.test(key) && !shiftKey;
  return (foreign && elsewhere ? elsewhere[1] : key).toLowerCase();
}

function arrow(editor, event) {
  if (editor.readonly || editor.selection.length === 0) return false;
  const [dx, dy] = ARROWS[event.key];
  const step = event.shiftKey ? FAR : 1;
  const resize = event.ctrlKey || event.metaKey;
  editor.hand.nudge(dx * step, dy * step, { resize, joined: event.repeat });
  return true;
}

function command(editor, event) {
  const key = event.key.toLowerCase();
  if (event.key in ARROWS) return arrow(editor, event);
  if (key === "a") editor.selectAll();
  else if (editor.readonly) return false;
  else if (key === "z" && !event.shiftKey && editor.canUndo) editor.undo();
  else if ((key === "y" || (key === "z" && event.shiftKey)) && editor.canRedo) editor.redo();
  else if (key === "d" && editor.selection.length > 0) event.repeat || editor.duplicate();
  else return false;
  return true;
}

// A label's key sets the label of what is chosen; with nothing chosen, the next drag draws a box of this label.
function named(editor, event, name) {
  if (editor.readonly) return false;
  if (event.repeat) return true;
  editor.setLabel(name);
  return true;
}

function plain(editor, event, pressable) {
  switch (event.key) {
    case "Delete":
    case "Backspace":
      if (editor.readonly || editor.selection.length === 0) return false;
      if (!event.repeat) editor.remove();
      return true;
    case "Insert":
      if (editor.readonly || editor.tool === null) return false;
      if (!event.repeat) editor.add();
      return true;
    case "Tab":
      return tab(editor, event, pressable);
    case "Escape":
      if (editor.armed !== null) editor.arm(null);
      else if (editor.several) editor.chooseSeveral(false);
      else return editor.drop();
      return true;
    case ".":
    case ",":
      return editor.hand.turn(event.key === "." ? 1 : -1);
    case "F8":
      if (!event.repeat) editor.toggle();
      return true;
    case "+":
    case "=":
      editor.zoomBy(ZOOM);
      return true;
    case "-":
    case "_":
      editor.zoomBy(1 / ZOOM);
      return true;
    case "0":
      editor.fit();
      return true;
    case " ":
      if (pressable) return false;
      editor.gestures.hold();
      return true;
    default:
      return false;
  }
}

// Tab walks through the boxes round and round. It starts from the image or from nowhere, never from a button beside it,
// and after Escape it goes on to the rest of the page.
function tab(editor, event, pressable) {
  if (pressable || editor.released) {
    editor.released = false;
    return false;
  }
  if (editor.hidden) editor.toggle();
  if (!editor.next(event.shiftKey ? -1 : 1)) return false;
  editor.element.focus({ preventScroll: true });
  return true;
}
