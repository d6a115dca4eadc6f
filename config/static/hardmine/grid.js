// The grid: choosing cards by click, Shift-click, drag and key, by page or all that match; and the side panel that
// appears with a selection. A stack of near duplicates is chosen as a whole.
import { listen } from "./keys.js";
{
  const grid = document.querySelector("[data-grid]");
  const panel = document.querySelector("[data-selection]");
  if (grid && panel) choosing(grid, panel);

  const filters = document.querySelector("[data-filters]");
  if (filters) reasons(filters);

  function choosing(grid, panel) {
    const cards = [...grid.querySelectorAll(".hm-card")];
    const checks = cards.map((card) => card.querySelector(".hm-check"));
    const selected = [...panel.querySelectorAll("[data-selected]")];
    const field = (name) => panel.querySelector(`[data-${name}]`);
    let last = -1;
    let everything = false;

    const refresh = () => {
      const chosen = cards.filter((card, index) => {
        card.classList.toggle("hm-chosen", checks[index].checked);
        return checks[index].checked;
      });
      const number = chosen.reduce((sum, card) => sum + Number(card.dataset.copies || 1), 0);
      panel.hidden = chosen.length === 0;
      for (const place of selected) {
        place.textContent = everything ? selected[0].dataset.matching : number.toLocaleString("en");
      }
      field("all").value = everything ? "yes" : "";
      field("samples").value = chosen.map((card) => `${card.dataset.id}:${card.dataset.version}`).join(" ");
      field("stacks").value = chosen.map((card) => card.dataset.stack).filter(Boolean).join(" ");
      const counts = new Map();
      for (const card of chosen) {
        for (const label of card.dataset.labels.split(" ")) counts.set(label, (counts.get(label) || 0) + 1);
      }
      for (const place of panel.querySelectorAll("[data-chosen-with]")) {
        const count = counts.get(place.dataset.chosenWith);
        place.textContent = count && !everything ? `×${count}` : "";
      }
    };

    const choose = (index, checked, range) => {
      everything = false;
      const [from, to] = range && last >= 0 ? [Math.min(last, index), Math.max(last, index)] : [index, index];
      for (let at = from; at <= to; at += 1) checks[at].checked = checked;
      last = index;
      refresh();
    };
    const all = (checked) => {
      everything = false;
      for (const check of checks) check.checked = checked;
      refresh();
    };

    // A click on the picture opens it; a click anywhere else on the card, or with Shift or Ctrl, chooses it.
    grid.addEventListener("click", (event) => {
      const card = event.target.closest(".hm-card");
      if (!card || dragged) return;
      const index = cards.indexOf(card);
      const check = checks[index];
      if (event.target === check) {
        choose(index, check.checked, event.shiftKey);
      } else if (event.shiftKey || event.ctrlKey || event.metaKey || !event.target.closest("a")) {
        event.preventDefault();
        choose(index, event.shiftKey ? true : !check.checked, event.shiftKey);
      }
    });
    document.querySelector("[data-select-page]").addEventListener("click", () => {
      all(everything || !checks.every((check) => check.checked));
    });
    document.querySelector("[data-select-all]").addEventListener("click", () => {
      all(true);
      everything = true;
      refresh();
    });
    panel.querySelector("[data-select-none]").addEventListener("click", () => all(false));

    // Drag over the cards: a rectangle chooses what it touches; with Shift or Ctrl in addition to what is chosen.
    let start = null;
    let dragged = false;
    let before = [];
    const rectangle = document.createElement("div");
    rectangle.className = "hm-rubber";
    grid.addEventListener("dragstart", (event) => event.preventDefault());
    grid.addEventListener("pointerdown", (event) => {
      dragged = false;
      if (event.button !== 0 || event.pointerType === "touch" || event.target.closest("input, .hm-stack")) return;
      start = { x: event.pageX, y: event.pageY };
      before = checks.map((check) => check.checked && (event.shiftKey || event.ctrlKey || event.metaKey));
    });
    document.addEventListener("pointermove", (event) => {
      if (!start) return;
      if (!dragged && Math.hypot(event.pageX - start.x, event.pageY - start.y) < 8) return;
      if (!dragged) document.body.append(rectangle);
      dragged = true;
      const [left, right] = [Math.min(start.x, event.pageX), Math.max(start.x, event.pageX)];
      const [top, bottom] = [Math.min(start.y, event.pageY), Math.max(start.y, event.pageY)];
      Object.assign(rectangle.style, {
        left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px`,
      });
      cards.forEach((card, index) => {
        const place = card.getBoundingClientRect();
        const x = place.left + window.scrollX;
        const y = place.top + window.scrollY;
        const touched = x < right && x + place.width > left && y < bottom && y + place.height > top;
        checks[index].checked = before[index] || touched;
      });
      everything = false;
      refresh();
    });
    const drop = () => {
      start = null;
      rectangle.remove();
    };
    document.addEventListener("pointerup", drop);
    document.addEventListener("pointercancel", drop);

    // Without a mouse: arrows go from card to card, Space chooses, Enter opens.
    grid.addEventListener("keydown", (event) => {
      const index = cards.indexOf(event.target.closest(".hm-card"));
      if (index < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
      const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
      if (step && cards[index + step]) {
        event.preventDefault();
        cards[index + step].querySelector(".hm-picture").focus();
        if (event.shiftKey) choose(index + step, true, true);
      } else if (event.key === " " && event.target !== checks[index]) {
        event.preventDefault();
        choose(index, !checks[index].checked, event.shiftKey);
      }
    });
    const press = (name) => () => document.querySelector(`[data-${name}]`)?.click();
    const overlay = listen(
      { undo: press("undo"), redo: press("redo"), leave: () => all(false), cards: null },
      { words: { leave: "drop the selection", undo: "undo the last action", redo: "redo it" } },
    );
    document.querySelector("[data-keys-open]").addEventListener("click", overlay);

    let sent = false;
    panel.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
    });
    window.addEventListener("pageshow", () => {
      sent = false;
      refresh();
    });
  }

  function reasons(filters) {
    const load = async () => {
      if (!filters.open || filters.dataset.loaded) return;
      filters.dataset.loaded = "yes";
      const answer = await fetch(filters.dataset.filters, { credentials: "same-origin" });
      const place = filters.querySelector("[data-reasons]");
      if (answer.ok) place.innerHTML = await answer.text();
      else place.textContent = "The reasons could not be loaded. Reload the page.";
    };
    filters.addEventListener("toggle", load);
    load();
  }
}
