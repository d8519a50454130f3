// What the console does besides HTMX: a key for the search box, the theme without a reload, words of time
// that stay true, questions before what can not be undone. Everything works without it.

(() => {
  "use strict";

  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  // The same words as moment.py.
  function agoWords(moment, now) {
    const seconds = (now - moment) / 1000;
    const size = Math.abs(seconds);
    if (size < 2) return "now";
    const [unit, length] = units.find(([, length]) => size >= length) || units[3];
    const count = Math.floor(size / length);
    return seconds > 0 ? `${count} ${unit} ago` : `in ${count} ${unit}`;
  }

  function freshen() {
    const now = Date.now();
    for (const element of document.querySelectorAll("[data-ago]")) {
      const words = agoWords(Date.parse(element.dataset.ago), now);
      if (element.textContent !== words) element.textContent = words;
    }
  }

  function isTyping(target) {
    return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const box = document.getElementById("search");
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  // Arrows walk through what the search box suggests; Escape closes it.
  document.addEventListener("keydown", (event) => {
    const box = document.querySelector(".search");
    if (!box || !box.contains(event.target)) return;
    if (event.key === "Escape") {
      document.getElementById("suggestions").replaceChildren();
      box.querySelector("input").focus();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const stops = [box.querySelector("input"), ...box.querySelectorAll(".suggestions a")];
    event.preventDefault();
    stops[(stops.indexOf(event.target) + step + stops.length) % stops.length].focus();
  });

  // The cookie is set by the server; the page only does not wait for it.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches(".theme") || !event.submitter) return;
    event.preventDefault();
    const theme = event.submitter.value;
    document.documentElement.dataset.theme = theme;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (answer.type !== "opaqueredirect" && !answer.ok && answer.status !== 401) window.location.reload();
  }, true);

  // What is left of a short time; the server decides, this only shows it.
  for (const hint of document.querySelectorAll("[data-seconds-left]")) {
    const end = Date.now() + 1000 * Number(hint.dataset.secondsLeft);
    const show = () => {
      const left = Math.max(0, Math.round((end - Date.now()) / 1000));
      const words = left < 60 ? `${left} s` : `${Math.floor(left / 60)} min ${left % 60} s`;
      hint.querySelector(".left").textContent = words;
    };
    show();
    setInterval(show, 1000);
  }

  // What takes longer than a moment says that it is under way; who comes back to the page finds it quiet.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.hasAttribute("hx-post") || !form.querySelector(".working")) return;
    setTimeout(() => { if (!event.defaultPrevented) form.classList.add("is-busy"); }, 300);
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll(".is-busy")) form.classList.remove("is-busy");
  });

  // An address holds only what was chosen.
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches(".filters, .search, .board")) return;
    for (const [key, value] of [...event.formData]) if (value === "") event.formData.delete(key);
  });

  // Live parts are made once for everybody, in UTC; here their times become those of the account's zone.
  // The same words as moment.py.
  function clock(zone) {
    const form = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, hourCycle: "h23", weekday: "long", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "longOffset",
    });
    return (moment) => {
      const part = Object.fromEntries(form.formatToParts(moment).map(({ type, value }) => [type, value]));
      const offset = part.timeZoneName.replace(/^GMT/, "").replace(":", "") || "+0000";
      return {
        words: `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`,
        beside: `${part.weekday} ${offset} ${zone}`,
      };
    };
  }

  function localize(root) {
    const zone = document.body.dataset.zone;
    const times = root.querySelectorAll("time[datetime]");
    if (!zone || !times.length) return;
    let read;
    try {
      read = clock(zone);
    } catch {
      return; // a zone that this browser does not know: what the server wrote stays, and says UTC
    }
    for (const time of times) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      const { words, beside } = read(moment);
      const isAgo = time.dataset.ago !== undefined;
      if (!isAgo) time.textContent = words;
      time.title = isAgo ? `${words} ${zone}` : beside;
    }
  }

  // The zone of the browser is offered, never taken without a click.
  function offerZone() {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const choice = document.querySelector("select[name=zone]");
    if (!own || !choice || ![...choice.options].some((option) => option.value === own)) return;
    if (choice.dataset.browserZone !== undefined) choice.value = own;
    const offer = document.querySelector("form[data-offered-zone]");
    if (!offer || offer.dataset.offeredZone === own) return;
    offer.querySelector("input[name=zone]").value = own;
    offer.querySelector("button span").textContent = own;
    offer.hidden = false;
  }

  setInterval(freshen, 5000);
  document.addEventListener("htmx:afterSettle", freshen);
  document.addEventListener("live-change", (event) => localize(event.target));
  offerZone();
})();
