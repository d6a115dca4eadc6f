// Keeps the progress of long work fresh: asks the address in data-progress until the work has ended, then reloads once.
// Without this script the page is the same; a reload shows how far it is.

const EVERY = 1500;
const SLOWEST = 15000;

function follow(element) {
    const bar = element.querySelector("progress");
    const words = element.querySelector("[data-words]");
    let pause = EVERY;

    async function ask() {
        if (document.hidden) return setTimeout(ask, EVERY);
        try {
            const answer = await fetch(element.dataset.progress, { headers: { Accept: "application/json" } });
            if (!answer.ok) throw new Error(answer.status);
            const now = await answer.json();
            words.textContent = now.words;
            if (now.share === null) bar.removeAttribute("value");
            else bar.value = now.share * bar.max;
            if (!now.active) return location.reload();
            pause = EVERY;
        } catch {
            pause = Math.min(pause * 2, SLOWEST);
        }
        setTimeout(ask, pause);
    }
    setTimeout(ask, EVERY);
}

document.querySelectorAll("[data-progress]").forEach(follow);
