// The switches for theme and zone, times, and buttons that copy.
"use strict";

const kept = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* forgotten with the page */ } },
};

// Texts: English here, what they are in the language of the page in a script of its own. Numbers are written by it too.

const LANGUAGE = document.documentElement.lang;

function filledIn(text, values) { return text.replace(/%\((\w+)\)s/g, (_, name) => values[name]); }
function gettext(text, values = {}) { return filledIn(globalThis.TEXTS?.[text]?.[0] ?? text, values); }
function ngettext(one, many, number, values = {}) {
  const forms = globalThis.TEXTS?.[one] ?? [one, many];
  return filledIn(forms.length > 1 && number !== 1 ? forms[1] : forms[0], { num: number, ...values });
}

function switching(id, label, key, choices, apply) {
  const button = document.getElementById(id);
  let at = Math.max(0, choices.findIndex((choice) => choice.value === kept.get(key)));
  const show = () => { button.textContent = label(choices[at].name); apply(choices[at].value); };
  button.addEventListener("click", () => { at = (at + 1) % choices.length; kept.set(key, choices[at].value); show(); });
  show();
}

// Times

const FORMS = {
  second: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  minute: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" },
  clock: { hour: "2-digit", minute: "2-digit" },
};

function written(instant, form, zone) {
  const options = { ...FORMS[form], hourCycle: "h23", timeZone: zone, timeZoneName: "short" };
  const parts = {};
  for (const { type, value } of new Intl.DateTimeFormat("en-GB", options).formatToParts(instant)) parts[type] = value;
  const time = [parts.hour, parts.minute, parts.second].filter(Boolean).join(":");
  const day = LANGUAGE === "de" ? `${parts.day}.${parts.month}.${parts.year} ` : `${parts.year}-${parts.month}-${parts.day} `;
  return `${parts.year ? day : ""}${time} ${zoneName(parts.timeZoneName)}`;
}

function zoneName(name) { return { CET: gettext("CET"), CEST: gettext("CEST") }[name] ?? name; }

const MARKET = "Europe/Brussels";
let zone = "market";
const pageZone = () => zone;

// `data-market` keeps what the service wrote.
function writeTimes(root) {
  const viewer = zone === "viewer";
  for (const element of root.querySelectorAll("time[datetime]")) {
    element.dataset.market ??= element.textContent;
    element.textContent = viewer ? written(new Date(element.dateTime), element.dataset.form, undefined) : element.dataset.market;
    element.title = element.dateTime;
  }
}

// What scripts do to elements of the page, and to those that come later.
function dress(root) {
  writeTimes(root);
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.querySelector(".switches").hidden = false;
switching("theme-switch", (theme) => gettext("Theme: %(theme)s", { theme }), "theme", [
  { value: "system", name: gettext("system") }, { value: "light", name: gettext("light") }, { value: "dark", name: gettext("dark") },
], (theme) => {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event("themechange"));
});
switching("zone-switch", (zone) => gettext("Times: %(zone)s", { zone }), "zone", [
  { value: "market", name: gettext("market") }, { value: "viewer", name: gettext("mine") },
], (chosen) => { zone = chosen; writeTimes(document); document.dispatchEvent(new Event("zonechange")); });

for (const part of document.querySelectorAll("[data-retry]")) {
  setTimeout(() => location.reload(), Number(part.dataset.retry) * 1000);
}
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = gettext("Copied");
  setTimeout(() => { button.textContent = gettext("Copy"); }, 2000);
});
dress(document);
