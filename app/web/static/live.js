// A page that keeps itself up to date: the service sends the parts that differ, and they are patched where they stand,
// so that focus, open details, typed text and the places of rows stay.
"use strict";

const FIRST_WAIT = 1000, LONGEST_WAIT = 30000, SILENCE = 40000;

function keyOf(node) { return node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : ""; }

function typedIn(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.options) return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected));
  return field.value !== field.defaultValue;
}

// What somebody is busy with is not taken away.
function inUse(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return false;
  return node.contains(document.activeElement) || [...node.querySelectorAll("input, textarea, select")].some(typedIn);
}

// What somebody opened, and where a script lets somebody walk to, is not the service's to say.
const OWN = new Set(["open", "tabindex"]);

function patchAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !OWN.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function patch(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) { old.data = fresh.data; return; }
  if (old.dataset.kept !== undefined) return;
  patchAttributes(old, fresh);
  if (old.dataset.steady !== undefined) keepPlaces(old, fresh);
  patchChildren(old, fresh);
}

// Rows that are there stay where they are, new ones come behind them; a link says when the order is another by now.
function keepPlaces(old, fresh) {
  const rows = new Map([...fresh.children].map((row) => [keyOf(row), row]));
  const known = [...old.children].filter((row) => rows.has(keyOf(row))).map((row) => rows.get(keyOf(row)));
  const order = [...fresh.children].filter((row) => known.includes(row));
  const other = order.some((row, place) => row !== known[place]) || rows.size > known.length;
  fresh.prepend(...known);
  for (const link of document.querySelectorAll(`[data-resort="${CSS.escape(old.dataset.steady)}"]`)) link.hidden = !other;
}

function patchChildren(old, fresh) {
  const byKey = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const key = keyOf(next);
    let found = key ? byKey.get(key) : at;
    if (found && (found.nodeName !== next.nodeName || keyOf(found) !== key)) found = null;
    if (!found) { old.insertBefore(next, at); continue; }
    if (found === at) at = at.nextSibling;
    else old.insertBefore(found, at);
    patch(found, next);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    if (!inUse(gone)) gone.remove();
  }
}

function patchPart(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old) return;
  const focused = document.activeElement;
  const [from, to] = [focused?.selectionStart, focused?.selectionEnd];
  for (const link of document.querySelectorAll("[data-resort]")) {
    if (old.querySelector(`[data-steady="${CSS.escape(link.dataset.resort)}"]`)) link.hidden = true;
  }
  patch(old, fresh);
  if (focused && focused.isConnected && document.activeElement !== focused) {
    focused.focus({ preventScroll: true });
    if (typeof from === "number") focused.setSelectionRange(from, to);
  }
}

// A form that chooses what parts show is sent as soon as something else is chosen, and only the parts change.
function swapping(form, root) {
  let waits = null;
  const chosen = () => {
    const fields = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    const moment = ["day", "hour"].map((name) => form.elements[name]);
    if (form.dataset.now !== undefined && !moment.some(typedIn)) for (const { name } of moment) fields.delete(name);
    return `${form.action.split("#")[0]}?${fields}`;
  };
  async function swap() {
    const address = chosen();
    const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) { form.submit(); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (address !== chosen()) return;
    for (const part of fresh.querySelectorAll("[data-part]")) {
      const own = document.adoptNode(part);
      dress(own);
      patchPart(own);
    }
    history.replaceState(null, "", address);
    root.dataset.address = fresh.getElementById("live").dataset.address;
    root.dispatchEvent(new Event("readdress"));
  }
  form.addEventListener("input", () => { clearTimeout(waits); waits = setTimeout(swap, 150); });
  form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(waits); swap(); });
}

// Arrows go from tile to tile.
document.addEventListener("keydown", (event) => {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const from = way && event.target.closest?.(".zones a")?.getBoundingClientRect();
  if (!from) return;
  const away = (tile) => {
    const to = tile.getBoundingClientRect();
    const [x, y] = [to.x - from.x, to.y - from.y];
    const [along, aside] = way[0] ? [x * way[0], Math.abs(y)] : [y * way[1], Math.abs(x)];
    return along > 1 ? along + 4 * aside : Infinity;
  };
  const [next] = [...document.querySelectorAll(".zones a")].sort((one, other) => away(one) - away(other));
  if (next && away(next) < Infinity) { event.preventDefault(); next.focus(); }
});

function follow(root) {
  const stale = document.getElementById("stale");
  let source = null, wait = FIRST_WAIT, since = new Date(), silent = null, again = null;

  function shown() {
    return [...document.querySelectorAll("[data-part]")].map((part) => `${part.id}:${part.dataset.part}`).join(",");
  }
  function lives(at) {
    since = new Date(at);
    wait = FIRST_WAIT;
    stale.hidden = true;
    root.hidden = false;
    root.replaceChildren(gettext("Live, as of "), time(at));
    expect();
  }
  function time(at) {
    const element = document.createElement("time");
    element.dateTime = at;
    element.dataset.form = "second";
    element.textContent = written(since, "second", MARKET);
    writeTimes({ querySelectorAll: () => [element] });
    return element;
  }
  function says(detail) {
    const at = written(since, "second", zone === "viewer" ? undefined : MARKET);
    stale.textContent = gettext("This page is as of %(at)s: %(detail)s", { at, detail });
    stale.hidden = false;
    root.hidden = true;
  }
  function expect() {
    clearTimeout(silent);
    silent = setTimeout(() => broken(gettext("nothing has come from the service for a while. It tries again.")), SILENCE);
  }
  function broken(detail) {
    stop();
    says(detail);
    again = setTimeout(start, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  }
  function stop() {
    source?.close();
    source = null;
    clearTimeout(silent);
    clearTimeout(again);
  }
  function start() {
    if (source || document.hidden) return;
    source = new EventSource(`${root.dataset.address}&has=${encodeURIComponent(shown())}`);
    expect();
    source.addEventListener("parts", ({ data, lastEventId }) => {
      const holder = document.createElement("template");
      holder.innerHTML = data;
      const parts = [...holder.content.children].map((part) =>
        document.adoptNode(part.localName === "template" ? part.content.firstElementChild : part));
      document.title = parts.shift().textContent;
      for (const part of parts) { dress(part); patchPart(part); }
      lives(lastEventId);
      document.dispatchEvent(new CustomEvent("partschange", { detail: parts.map((part) => part.id) }));
    });
    source.addEventListener("alive", ({ lastEventId }) => lives(lastEventId));
    source.addEventListener("trouble", ({ data }) => { says(gettext("%(detail)s. It tries again.", { detail: data })); expect(); });
    source.addEventListener("ended", ({ data }) => { stop(); says(gettext("%(detail)s. Load the page anew.", { detail: data })); });
    source.addEventListener("error", () => broken(gettext("the connection to the service is broken. It tries again.")));
  }
  // A browser has few connections for one service: a window that nobody sees leaves its own to others.
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); else start(); });
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", start);
  root.addEventListener("readdress", () => { stop(); start(); });
  start();
}

const followed = document.getElementById("live");
if (followed) {
  follow(followed);
  for (const form of document.querySelectorAll("form[data-swap]")) swapping(form, followed);
}
