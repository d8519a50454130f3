// Nothing that was typed is lost: a page with a form tells before its session ends for want of use, a form is
// sent only while there is a session that takes it, and a page left with a changed form asks first. After a
// sign-in in another tab the forms here work again.

(() => {
  "use strict";

  const WARN_SECONDS = 180;
  const CHECK_SECONDS = 20;
  const FIRST_SECONDS = 5;
  const SURE_SECONDS = 5; // how long an answer lets forms go
  const changed = new Set();
  let nextCheck = 0;
  let left = Infinity; // of the session, as the last answer said
  let asked = 0;
  let sureAt = -Infinity;
  let isSending = false;

  function isTyped(form) {
    return form.getAttribute("method") === "post" && !form.matches(".theme") && document.body.dataset.person !== undefined;
  }

  function isWriting() {
    for (const form of changed) if (!form.isConnected) changed.delete(form);
    return changed.size > 0;
  }

  function notice(title, text, link) {
    const place = document.getElementById("notices");
    let box = document.getElementById("session-notice");
    if (!title) {
      if (box) box.remove();
      return;
    }
    if (box && box.dataset.title === title) return;
    if (box) box.remove();
    box = document.createElement("div");
    box.id = "session-notice";
    box.className = "notice warning";
    box.dataset.title = title;
    const line = document.createElement("p");
    const strong = document.createElement("strong");
    strong.className = "state warning";
    strong.textContent = title;
    line.append(strong, ` ${text}`);
    box.append(line);
    if (link) box.append(link);
    place.prepend(box);
  }

  function warn() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = "Stay signed in";
    button.addEventListener("click", () => ask("POST"));
    notice("You will be signed out soon.", "Nobody used this session for a while.", button);
  }

  function tellEnd() {
    const link = document.createElement("a");
    link.className = "button";
    link.href = "/sign-in";
    link.target = "_blank";
    link.rel = "noopener";
    link.textContent = "Sign in in another tab";
    notice("You were signed out.", "What you typed is still here: sign in in another tab, then come back and send it.", link);
  }

  // Who signed in anew has other tokens; only the same person goes on with what was typed here.
  function take(told) {
    if (told.name !== document.body.dataset.person) return tellEnd();
    for (const field of document.querySelectorAll('input[name="csrf"]')) field.value = told.csrf;
    document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRF-Token": told.csrf }));
    if (!told.takes_changes) return notice("Nothing can be changed now.", "The database does not answer. What you typed is still here: send it later.");
    sureAt = Date.now();
    if (told.seconds > WARN_SECONDS) notice("");
    else warn();
  }

  function token() {
    return JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRF-Token"];
  }

  async function ask(method) {
    clearTimeout(nextCheck);
    asked = Date.now();
    sureAt = -Infinity;
    try {
      const headers = method === "POST" ? { "X-CSRF-Token": token() } : {};
      const answer = await fetch("/session", { method, headers, redirect: "manual" });
      if (answer.ok) {
        const told = await answer.json();
        left = told.seconds;
        take(told);
      } else if (answer.type === "opaqueredirect" || answer.status === 401) {
        left = 0;
        tellEnd();
      } else if (isSending) {
        notice("Not sent.", `switchover can not say whether you are signed in (status ${answer.status}). What you typed is still here: send it later.`);
      }
    } catch {
      // No answer says nothing about the session.
      if (isSending) notice("Not sent.", "switchover does not answer. What you typed is still here: send it later.");
    }
    plan();
  }

  function plan() {
    later(left > WARN_SECONDS ? Math.min(left - WARN_SECONDS + 1, 600) : CHECK_SECONDS);
  }

  function later(seconds) {
    clearTimeout(nextCheck);
    nextCheck = setTimeout(() => (isWriting() ? ask("GET") : notice("")), 1000 * seconds);
  }

  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form || !isTyped(form)) return;
    const isFirst = !isWriting();
    changed.add(form);
    // Not at once: most forms are short and on their way a moment later.
    if (isFirst) later(FIRST_SECONDS);
  });

  // Back from another tab, or from sleep: the timers may be late.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && isWriting() && Date.now() - asked > 1000) ask("GET");
  });

  // A browser does not bring back what was typed on a page that it had to leave: a form that was changed is
  // sent once the session is known to be there. Before all others hear of it: they hear when it goes.
  window.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!changed.has(form) || Date.now() - sureAt < 1000 * SURE_SECONDS) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (isSending) return;
    isSending = true;
    await ask("GET");
    isSending = false;
    if (sureAt > 0) form.requestSubmit(event.submitter);
    else document.getElementById("session-notice")?.scrollIntoView({ block: "center" });
  }, true);

  document.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) changed.delete(event.target);
  });

  // HTMX sends forms itself, and may lead to another page by its answer; after a fault the form is still here.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const cause = event.detail.requestConfig.triggeringEvent;
    if (cause && cause.type === "submit") changed.delete(event.detail.elt);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const cause = event.detail.requestConfig.triggeringEvent;
    if (event.detail.failed && cause && cause.type === "submit" && isTyped(event.detail.elt)) changed.add(event.detail.elt);
  });

  window.addEventListener("beforeunload", (event) => {
    if (isWriting()) event.preventDefault();
  });

  // A page may hold what was typed on the one before it.
  for (const form of document.querySelectorAll("form[data-typed]")) changed.add(form);
  if (isWriting()) later(FIRST_SECONDS);
})();
