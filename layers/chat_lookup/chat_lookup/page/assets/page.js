"use strict";
// The page inside the portal. Tokens stay in this script's memory and in headers, never in an address or in storage.
(function () {
  const texts = JSON.parse(document.getElementById("texts").textContent);
  const portal = document.body.dataset.portal;
  const recent = [];
  let session = document.body.dataset.session;
  document.body.removeAttribute("data-session");
  let auth = null;

  const text = (key, values) =>
    (texts[key] || texts.failed).replace(/\{(\w+)\}/g, (_, name) => String((values || {})[name]));
  const by = (id) => document.getElementById(id);
  const say = (message) => { by("status").textContent = message; fit(); };
  const fit = () => { if (window.BX24 && BX24.fitWindow) BX24.fitWindow(); };

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

  async function send(verb, path, body) {
    const headers = { "X-Page-Session": session, "X-Bitrix24-Token": token() };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const reply = await fetch("/v1/page/" + path, {
      method: verb, headers, cache: "no-store", credentials: "omit", body: body && JSON.stringify(body),
    });
    const content = reply.status === 204 ? {} : await reply.json();
    return { ok: reply.ok, status: reply.status, content };
  }

  async function ask(verb, path, body) {
    let reply = await send(verb, path, body);
    if (reply.status === 401) {
      await freshToken();
      const renewed = await send("POST", "session");
      if (renewed.ok) {
        session = renewed.content.session;
        reply = await send(verb, path, body);
      } else {
        reply = renewed;
      }
    }
    if (reply.ok) return reply.content;
    const code = String(reply.content.type || "").split(":").pop();
    throw Object.assign(new Error(code), { code });
  }

  async function working(button, message, work) {
    button.disabled = true;
    say(text(message));
    try {
      say((await work()) || "");
    } catch (error) {
      say(text(error.code || "failed"));
    } finally {
      button.disabled = false;
    }
  }

  // -- Finding ----------------------------------------------------------------------------------------------------------
  function open(dialog) {
    if (window.BX24 && BX24.im) BX24.im.openMessenger(dialog);
  }

  async function copy(value) {
    try {
      await navigator.clipboard.writeText(value);
      say(text("copied"));
    } catch {
      say(text("not-copied"));
    }
  }

  function shownChat(chat) {
    const facts = [text(chat.kind), chat.connector_title || chat.connector, chat.of && text("of") + " " + chat.of,
      chat.active && text("active")].filter(Boolean).join(" · ");
    const link = "https://" + portal + "/online/?IM_DIALOG=" + encodeURIComponent(chat.dialog_id);
    return element("li", { "data-chat-id": chat.chat_id },
      element("p", { className: "title" }, chat.title || text("untitled")),
      element("p", { className: "facts" }, facts + " · ", element("code", {}, String(chat.chat_id))),
      element("div", { className: "row" },
        element("a", {
          className: "button", href: link, target: "_blank", rel: "noopener", "data-test": "open",
          onclick: (event) => { if (window.BX24 && BX24.im) { event.preventDefault(); open(chat.dialog_id); } },
        }, text("open")),
        element("button", { type: "button", "data-test": "copy", onclick: () => copy(String(chat.chat_id)) },
          text("copy"))));
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
    list.append(...view.chats.map(shownChat));
    if (!list.children.length) answer.append(element("p", {}, text("none")));
    for (const note of view.notes) answer.append(element("p", { className: "note", "data-test": "note" }, text(note)));
    if (view.more !== null) {
      const button = element("button", { type: "button", "data-test": "more" }, text("more"));
      button.onclick = () => working(button, "working", async () => {
        const next = await ask("POST", "find", { query, offset: view.more });
        button.remove();
        showView(next, query, list);
      });
      answer.append(button);
    }
    fit();
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
    return working(by("find").querySelector("button"), "working", async () => {
      showView(await ask("POST", "find", { query, offset: 0 }), query, null);
      remember(query);
    });
  }

  by("find").onsubmit = (event) => {
    event.preventDefault();
    const query = by("query").value.trim();
    if (query) find(query); else say(text("invalid-request"));
  };
  by("pick").onsubmit = (event) => {
    event.preventDefault();
    const number = by("number").value.trim();
    if (/^[1-9][0-9]{0,14}$/.test(number)) find(by("kind").value + " " + number); else say(text("invalid-request"));
  };

  // -- For administrators -----------------------------------------------------------------------------------------------
  function shownFinding(finding) {
    return element("li", { "data-finding": finding.code, lang: "en" },
      element("p", { className: "title" }, finding.detail),
      element("p", { className: "facts" }, text("remedy") + ": " + finding.remedy));
  }

  async function examine() {
    const report = await ask("GET", "doctor");
    const hours = report.token_age_seconds === null ? "–" : (report.token_age_seconds / 3600).toFixed(1);
    by("doctor").replaceChildren(
      element("p", { "data-test": "state" }, text("state", { state: report.state, hours })),
      report.findings.length ? element("ul", {}, ...report.findings.map(shownFinding)) : element("p", {}, text("well")));
    fit();
  }

  async function listKeys() {
    const { keys } = await ask("GET", "keys");
    by("keys").replaceChildren(...keys.map((key) => {
      const date = new Date(key.expires_at * 1000).toLocaleDateString(document.documentElement.lang);
      const button = element("button", { type: "button", "data-test": "key-revoke" }, text("revoke"));
      button.setAttribute("aria-label", text("revoke") + ": " + key.label);
      button.onclick = () => working(button, "working", async () => {
        try {
          await ask("DELETE", "keys/" + encodeURIComponent(key.key_id));
        } catch (error) {
          // Another administrator has revoked it.
          if (error.code !== "invalid-request") throw error;
        }
        by("made").replaceChildren();
        await listKeys();
        return text("revoked");
      });
      const facts = [key.scopes.join(", "), key.valid ? text("key-until", { date }) : text("key-invalid")].join(" · ");
      return element("li", { "data-key-id": key.key_id }, element("p", { className: "title" }, key.label),
        element("p", { className: "facts" }, facts), button);
    }));
    if (!keys.length) by("keys").append(element("li", {}, text("no-keys")));
    fit();
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
        by("made").replaceChildren(element("p", { className: "note" }, text("key-made"), element("br"),
          element("code", { "data-test": "key-value" }, made.key)));
        await listKeys();
      });
    };
  }

  function start() {
    by("query").focus();
    fit();
    if (by("create")) listKeys().catch((error) => say(text(error.code || "failed")));
  }

  if (window.BX24) BX24.init(start); else start();
})();
