"use strict";
// The page inside the portal. Tokens stay in this script's memory and in headers, never in an address or in storage.
(function () {
  const texts = JSON.parse(document.getElementById("texts").textContent);
  const portal = document.body.dataset.portal;
  const language = document.documentElement.lang;
  const recent = [];
  let session = document.body.dataset.session;
  document.body.removeAttribute("data-session");
  let auth = null;
  let keys = [];

  const text = (key, values) =>
    (texts[key] || texts.failed).replace(/\{(\w+)\}/g, (_, name) => String((values || {})[name]));
  const by = (id) => document.getElementById(id);
  const fit = () => { if (window.BX24 && BX24.fitWindow) BX24.fitWindow(); };

  // What came of a request, in the part of the page that made it.
  function report(part, message, failed) {
    const status = part.closest("section").querySelector(".status");
    status.textContent = message;
    status.classList.toggle("failed", Boolean(failed));
    fit();
  }

  // Codes after which this page cannot go on, and a new one can.
  const ENDED = ["page-session-rejected", "caller-token-rejected", "portal-not-installed", "method-not-allowed"];

  function fail(part, error) {
    const code = error.code || "failed";
    report(part, text(code), true);
    if (!ENDED.includes(code) || !window.BX24 || !BX24.reloadWindow) return;
    part.closest("section").querySelector(".status").append(" ",
      element("button", { type: "button", "data-test": "reopen", onclick: () => BX24.reloadWindow() }, text("reopen")));
    fit();
  }

  function element(name, properties, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties || {})) {
      if (key.startsWith("data-")) made.setAttribute(key, value);
      else made[key] = value;
    }
    made.append(...children.filter((each) => each !== null));
    return made;
  }

  // -- Requests: each has the session and the user's own token ---------------------------------------------------------
  function token() {
    auth = auth || (window.BX24 && BX24.getAuth()) || null;
    return auth ? auth.access_token : "";
  }

  function freshToken() {
    return new Promise((resolve) => {
      if (!window.BX24) { resolve(); return; }
      // On failure the portal does not answer at all.
      const timer = setTimeout(resolve, 5000);
      BX24.refreshAuth((fresh) => { clearTimeout(timer); auth = fresh || auth; resolve(); });
    });
  }

  async function send(verb, path, body, signal) {
    const headers = { "X-Page-Session": session, "X-Bitrix24-Token": token(), "Accept-Language": language };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const reply = await fetch("/v1/page/" + path, {
      method: verb, headers, cache: "no-store", credentials: "omit", body: body && JSON.stringify(body), signal,
    });
    const content = reply.status === 204 ? {} : await reply.json();
    return { ok: reply.ok, status: reply.status, content };
  }

  async function ask(verb, path, body, signal) {
    let reply = await send(verb, path, body, signal);
    if (reply.status === 401) {
      await freshToken();
      const renewed = await send("POST", "session");
      if (renewed.ok) {
        session = renewed.content.session;
        reply = await send(verb, path, body, signal);
      } else {
        reply = renewed;
      }
    }
    if (reply.ok) return reply.content;
    const code = String(reply.content.type || "").split(":").pop();
    throw Object.assign(new Error(code), { code });
  }

  async function working(button, message, work) {
    const part = button.closest("section");
    button.disabled = true;
    report(part, text(message));
    try {
      report(part, (await work()) || "");
    } catch (error) {
      if (error.name !== "AbortError") fail(part, error);
    } finally {
      button.disabled = false;
    }
  }

  // -- Finding ----------------------------------------------------------------------------------------------------------
  // A new question ends the one before: its answer would be shown as that of the new one.
  let asking = new AbortController();

  function open(dialog) {
    if (window.BX24 && BX24.im) BX24.im.openMessenger(dialog);
  }

  async function copied(value) {
    try {
      await navigator.clipboard.writeText(value);
      return true;
    } catch {
      // A portal need not allow its frames the clipboard; the older way needs the click only.
      const field = element("textarea", { value, className: "hidden" });
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      return done;
    }
  }

  // The button shows what came of it: the part's message may be far above.
  function copyButton(label, value) {
    const button = element("button", { type: "button", "data-test": "copy", ariaLive: "polite" }, label);
    button.onclick = async () => {
      if (await copied(value)) {
        button.focus();
        button.textContent = text("copied");
        setTimeout(() => { button.textContent = label; }, 2000);
      } else {
        button.replaceWith(element("span", { className: "hint", role: "alert" }, text("not-copied")));
        fit();
      }
    };
    return button;
  }

  // DEAL|1663 as the portal's users call it; other types as they are.
  function named(pair) {
    const [type, number] = pair.split("|");
    const kind = "kind-" + type.toLowerCase();
    return kind in texts && number ? texts[kind] + " " + number : pair;
  }

  function shownChat(chat) {
    const facts = [text(chat.kind), chat.connector_title || chat.connector, chat.of && named(chat.of),
      chat.active && text("active")].filter(Boolean).join(" · ");
    const link = "https://" + portal + "/online/?IM_DIALOG=" + encodeURIComponent(chat.dialog_id);
    return element("li", { "data-chat-id": chat.chat_id },
      // A title in Hebrew or Arabic, or with marks that change the direction, changes nothing around it.
      element("p", { className: "title" }, element("bdi", {}, (chat.title || "").trim() || text("untitled"))),
      element("p", { className: "facts" }, facts + " · ID\u00a0", element("code", {}, String(chat.chat_id))),
      element("div", { className: "row" },
        element("a", {
          className: "button", href: link, target: "_blank", rel: "noopener", "data-test": "open",
          onclick: (event) => { if (window.BX24 && BX24.im) { event.preventDefault(); open(chat.dialog_id); } },
        }, text("open")),
        copyButton(text("copy"), String(chat.chat_id))));
  }

  function showView(view, query, list) {
    const answer = by("answer");
    if (!list) {
      list = element("ul");
      answer.replaceChildren(
        element("p", { className: "hint", "data-test": "source" },
          text("from-" + view.source, { age: view.age_seconds })),
        list);
    }
    const added = view.chats.map(shownChat);
    list.append(...added);
    for (const note of view.notes) answer.append(element("p", { className: "note", "data-test": "note" }, text(note)));
    if (view.more !== null) {
      const button = element("button", { type: "button", "data-test": "more" }, text("more"));
      button.onclick = () => working(button, "working", async () => {
        const next = await ask("POST", "find", { query, offset: view.more }, asking.signal);
        button.remove();
        const [first] = showView(next, query, list);
        if (first) first.querySelector("a").focus();
        return text("found", { count: list.children.length });
      });
      answer.append(button);
    }
    fit();
    return added;
  }

  function remember(query) {
    const before = recent.indexOf(query);
    if (before >= 0) recent.splice(before, 1);
    recent.unshift(query);
    recent.splice(8);
    by("recent").hidden = false;
    by("recent").querySelector("ul").replaceChildren(...recent.map((each) => element("li", {},
      element("button", { type: "button", className: "link", onclick: () => find(each) }, each))));
  }

  function find(query) {
    by("query").value = query;
    by("answer").replaceChildren();
    asking.abort();
    asking = new AbortController();
    return working(by("find").querySelector("button"), "working", async () => {
      const shown = showView(await ask("POST", "find", { query, offset: 0 }, asking.signal), query, null);
      remember(query);
      return shown.length ? text("found", { count: shown.length }) : text("none");
    });
  }

  by("find").onsubmit = (event) => {
    event.preventDefault();
    const query = by("query").value.trim();
    if (query) find(query); else report(by("find"), text("invalid-request"), true);
  };
  by("pick").onsubmit = (event) => {
    event.preventDefault();
    const number = by("number").value.trim();
    if (/^[1-9][0-9]{0,14}$/.test(number)) find(by("kind").value + " " + number);
    else report(by("pick"), text("invalid-request"), true);
  };

  // -- For administrators -----------------------------------------------------------------------------------------------
  function shownFinding(finding) {
    return element("li", { "data-finding": finding.code },
      element("p", { className: "title" }, finding.title),
      element("p", {}, text("remedy") + ": " + finding.remedy),
      element("p", { className: "facts" }, element("code", {}, finding.code), " · ",
        element("span", { lang: "en" }, finding.detail)));
  }

  async function examine() {
    const found = await ask("GET", "doctor");
    const age = found.token_age_seconds;
    const hours = age === null ? "–" : (age / 3600).toLocaleString(language, { maximumFractionDigits: 1 });
    by("doctor").replaceChildren(
      element("p", { "data-test": "state" }, text("state", { state: text("state-" + found.state), hours })),
      found.findings.length ? element("ul", {}, ...found.findings.map(shownFinding)) : element("p", {}, text("well")));
    fit();
  }

  function showKeys() {
    by("keys").replaceChildren(...keys.map(shownKey));
    if (!keys.length) by("keys").append(element("li", {}, text("no-keys")));
    fit();
  }

  function shownKey(key) {
    const date = new Date(key.expires_at * 1000).toLocaleDateString(language, { dateStyle: "medium" });
    const button = element("button", { type: "button", "data-test": "key-revoke" }, text("revoke"));
    button.setAttribute("aria-label", text("revoke") + ": " + key.label);
    button.onclick = () => working(button, "working", async () => {
      try {
        await ask("DELETE", "keys/" + encodeURIComponent(key.key_id));
      } catch (error) {
        // Another administrator has revoked it.
        if (error.code !== "invalid-request") throw error;
      }
      keys = keys.filter((each) => each !== key);
      if (by("made").dataset.keyId === key.key_id) by("made").replaceChildren();
      showKeys();
      by("label").focus();
      return text("revoked");
    });
    const facts = [key.scopes.join(", "), key.valid ? text("key-until", { date }) : text("key-invalid")].join(" · ");
    return element("li", { "data-key-id": key.key_id }, element("p", { className: "title" }, key.label),
      element("p", { className: "facts" }, facts), button);
  }

  if (by("examine")) by("examine").onclick = () => working(by("examine"), "examining", examine);
  if (by("create")) {
    by("create").onsubmit = (event) => {
      event.preventDefault();
      const wanted = { label: by("label").value, days: Number(by("days").value), details: by("details").checked };
      working(by("create").querySelector("button"), "working", async () => {
        let made;
        try {
          made = await ask("POST", "keys", wanted);
        } catch (error) {
          throw error.code === "invalid-request" ? Object.assign(error, { code: "keys-full" }) : error;
        }
        by("create").reset();
        by("made").dataset.keyId = made.key_id;
        by("made").replaceChildren(element("p", { className: "note" }, text("key-made"), element("br"),
          element("code", { "data-test": "key-value" }, made.key), element("br"),
          copyButton(text("copy-key"), made.key)));
        keys.push(made);
        showKeys();
      });
    };
  }

  function start() {
    by("query").focus();
    fit();
    if (by("create")) {
      ask("GET", "keys").then((found) => { keys = found.keys; showKeys(); })
        .catch((error) => fail(by("create"), error));
    }
  }

  // Text wraps in a narrower frame; a change of the height alone is the frame's own.
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== width) { width = window.innerWidth; fit(); }
  });

  if (window.BX24) BX24.init(start); else start();
})();
