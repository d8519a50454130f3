// Live pages: elements with data-live name what to watch; what the server sends replaces the contents of the
// elements with those ids. A lost connection is told plainly and tried again until it is back.

(() => {
  "use strict";

  const SILENT = 12000; // the server is never silent for longer than five seconds
  const HIDDEN = 30000;
  let source = null;
  let watched = "";
  let place = "";
  let heard = 0;
  let lostAt = 0;
  let pause = 1000;
  let opening = 0;
  let hiding = 0;

  function wanted() {
    const topics = new Set();
    for (const element of document.querySelectorAll("[data-live]")) {
      for (const topic of element.dataset.live.split(",")) if (topic) topics.add(topic);
    }
    return [...topics].join(",");
  }

  // The oldest of what the parts of this page were made from; nothing if they came from two processes.
  function oldest() {
    const given = [...document.querySelectorAll("[data-live-since]")].map((one) => one.dataset.liveSince);
    const boots = new Set(given.map((one) => one.split(".")[0]));
    if (boots.size !== 1) return "";
    const numbers = given.map((one) => Number(one.split(".")[1]));
    return `${[...boots][0]}.${Math.min(...numbers)}`;
  }

  function open() {
    clearTimeout(opening);
    close();
    watched = wanted();
    if (!watched || document.hidden) return;
    const query = new URLSearchParams({ topics: watched, since: oldest() });
    heard = Date.now();
    source = new EventSource(`/live?${query}`);
    source.onopen = hear;
    source.onerror = stumble;
    source.onmessage = (event) => { apply(JSON.parse(event.data)); hear(); };
    source.addEventListener("beat", hear);
    source.addEventListener("mark", (event) => { hear(); note(event.data); });
    source.addEventListener("again", () => { hear(); open(); });
  }

  function close() {
    if (source) source.close();
    source = null;
  }

  function hear() {
    heard = Date.now();
    pause = 1000;
    lostAt = 0;
    show("live");
  }

  function note(text) {
    place = text;
    for (const element of document.querySelectorAll("[data-live-since]")) element.dataset.liveSince = place;
  }

  function stumble() {
    if (!lostAt) lostAt = Date.now();
    setTimeout(() => { if (lostAt) show("lost"); }, 1500);
    if (source && source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    close();
    askWhy();
    clearTimeout(opening);
    opening = setTimeout(open, pause + Math.random() * 500);
    pause = Math.min(2 * pause, 10000);
  }

  // An EventSource says nothing about why it was refused.
  async function askWhy() {
    const giveUp = new AbortController();
    try {
      const answer = await fetch("/live?topics=events", { redirect: "manual", signal: giveUp.signal });
      if (answer.type === "opaqueredirect" || answer.status === 401) show("ended");
    } catch {
      // No answer at all: that is what the notice says.
    } finally {
      giveUp.abort();
    }
  }

  function apply(parts) {
    for (const [id, html] of Object.entries(parts)) {
      const element = document.getElementById(id);
      if (!element) continue;
      if (element.classList.contains("shape")) {
        if (element.textContent !== html) show("changed");
        continue;
      }
      const focused = element.contains(document.activeElement) && document.activeElement.getAttribute("href");
      element.innerHTML = html;
      if (focused) element.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
      if (element.classList.contains("flash")) flash(element);
      element.dispatchEvent(new CustomEvent("live-change", { bubbles: true }));
    }
  }

  function flash(element) {
    element.classList.remove("changed");
    void element.offsetWidth; // else the animation does not begin anew
    element.classList.add("changed");
  }

  // What is shown may be old although we hear of it: the server says so in a part of its own.
  function liveness() {
    const old = document.querySelector("#trouble [data-old]")?.dataset.old;
    if (old === undefined) return ["live", "ok"];
    return [old ? `old, as of ${clock(old).slice(0, 5)}` : "old", "warning"];
  }

  function clock(at) {
    return new Date(at).toLocaleTimeString("en-GB", { timeZone: document.body.dataset.zone || "UTC" });
  }

  function show(state) {
    const words = {
      live: liveness(),
      lost: ["not live", "bad"],
      ended: ["not live", "bad"],
    }[state];
    for (const mark of words ? document.querySelectorAll(".live-mark") : []) {
      mark.hidden = false;
      mark.className = `live-mark state filled ${words[1]}`;
      if (mark.textContent !== words[0]) mark.textContent = words[0];
    }
    if (state === "live") {
      document.getElementById("live-lost")?.remove();
      return;
    }
    bar(state);
  }

  function bar(state) {
    const id = state === "changed" ? "live-changed" : "live-lost";
    let element = document.getElementById(id);
    if (!element) {
      element = document.createElement("div");
      element.id = id;
      element.className = `live-bar notice ${state === "changed" ? "warning" : "bad"}`;
      element.setAttribute("role", "status");
      document.body.append(element);
    }
    if (element.dataset.state === state) return;
    element.dataset.state = state;
    element.replaceChildren(...sentences(state));
  }

  function sentences(state) {
    const link = document.createElement("a");
    link.href = window.location.href;
    link.className = "button small";
    const text = document.createElement("p");
    if (state === "lost") {
      text.textContent = `Not live since ${clock(lostAt || Date.now())}: what you see may be old. Trying again.`;
      return [text];
    }
    text.textContent = state === "ended"
      ? "Your session has ended: what you see is old."
      : "The platform file has changed: this page has other parts now.";
    link.textContent = state === "ended" ? "Sign in again" : "Show it anew";
    link.addEventListener("click", (event) => { event.preventDefault(); window.location.reload(); });
    return [text, link];
  }

  function watchClock() {
    if (!source || Date.now() - heard < SILENT) return;
    if (!lostAt) lostAt = heard;
    show("lost");
    open(); // the old one may never notice
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(close, HIDDEN);
    else if (!source) open();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  window.addEventListener("online", () => { if (lostAt) open(); });
  document.addEventListener("htmx:afterSettle", () => { if (wanted() !== watched) open(); });
  setInterval(watchClock, 2000);
  open();
})();
