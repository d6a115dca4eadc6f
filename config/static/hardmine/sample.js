// One sample: the keys of the review pages. Labels take digits and letters only, so that no command collides with one.
(() => {
  "use strict";

  const page = document.querySelector("[data-sample]");
  if (!page) return;
  const form = page.querySelector("[data-verbs]");
  const keys = page.querySelector("[data-keys]");
  const buttons = new Map();
  for (const button of form.querySelectorAll("[data-key]")) buttons.set(button.dataset.key.toLowerCase(), button);

  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
    page.classList.add("hm-sent");
  });
  window.addEventListener("pageshow", () => {
    sent = false;
    page.classList.remove("hm-sent");
  });

  const go = (address) => {
    if (address && !sent) window.location.assign(address);
  };

  page.querySelector("[data-keys-open]").addEventListener("click", () => keys.showModal());

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || keys.open) return;
    if (event.target.closest("input:not([type=hidden]), select, textarea")) return;
    const named = event.target.closest("button, a, summary");
    if (event.key === "Enter" && named && named !== document.body) return;
    const act = {
      ArrowLeft: () => go(page.dataset.previous),
      ArrowRight: () => go(page.dataset.next),
      Escape: () => go(page.dataset.leave),
      F8: () => page.classList.toggle("hm-without-boxes"),
      "?": () => keys.showModal(),
    }[event.key];
    const button = buttons.get(event.key.toLowerCase());
    if (!act && !button) return;
    event.preventDefault();
    event.stopPropagation(); // the admin's own keys stay silent
    if (act) act();
    else if (!sent) form.requestSubmit(button);
  });
})();
