// The grid: choosing cards by click, Shift-click and page, and the side panel that appears with a selection.
(() => {
  "use strict";

  const grid = document.querySelector("[data-grid]");
  const panel = document.querySelector("[data-selection]");
  if (grid && panel) {
    const cards = [...grid.querySelectorAll(".hm-card")];
    const checks = cards.map((card) => card.querySelector(".hm-check"));
    let last = -1;

    const refresh = () => {
      const chosen = cards.filter((card, index) => {
        card.classList.toggle("hm-chosen", checks[index].checked);
        return checks[index].checked;
      });
      panel.hidden = chosen.length === 0;
      panel.querySelector("[data-selected]").textContent = chosen.length;
      panel.querySelector("[data-samples]").value = chosen
        .map((card) => `${card.dataset.id}:${card.dataset.version}`)
        .join(" ");
    };

    const choose = (index, checked, range) => {
      const [from, to] = range && last >= 0 ? [Math.min(last, index), Math.max(last, index)] : [index, index];
      for (let at = from; at <= to; at += 1) checks[at].checked = checked;
      last = index;
      refresh();
    };

    // A click on the picture opens it; a click anywhere else on the card, or with Shift or Ctrl, chooses it.
    grid.addEventListener("click", (event) => {
      const card = event.target.closest(".hm-card");
      if (!card) return;
      const index = cards.indexOf(card);
      const check = checks[index];
      if (event.target === check) {
        choose(index, check.checked, event.shiftKey);
      } else if (event.shiftKey || event.ctrlKey || event.metaKey || !event.target.closest("a")) {
        event.preventDefault();
        choose(index, event.shiftKey ? true : !check.checked, event.shiftKey);
      }
    });
    const all = (checked) => {
      for (const check of checks) check.checked = checked;
      refresh();
    };
    document.querySelector("[data-select-page]").addEventListener("click", () => {
      all(!checks.every((check) => check.checked));
    });
    panel.querySelector("[data-select-none]").addEventListener("click", () => all(false));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") all(false);
    });
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

  const filters = document.querySelector("[data-filters]");
  if (filters) {
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
})();
