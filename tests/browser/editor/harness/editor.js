// The page around the editor in its tests: hands it key presses and counts what it tells.
import * as geometry from "/static/hardmine/editor/geometry.js";
import { BoxEditor } from "/static/hardmine/editor.js";

window.geometry = geometry;
window.start = (options) => {
  window.editor?.destroy();
  window.told = { change: 0, select: 0, unhandled: [] };
  window.editor = new BoxEditor(document.getElementById("stage"), {
    onchange: () => (window.told.change += 1),
    onselect: () => (window.told.select += 1),
    ...options,
  });
};
document.addEventListener("keydown", (event) => {
  if (window.editor && !window.editor.key(event)) window.told.unhandled.push(event.key);
});
window.ready = true;
