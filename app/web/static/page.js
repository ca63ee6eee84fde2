// The switches for theme and zone, times, and buttons that copy.
"use strict";

const kept = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* forgotten with the page */ } },
};

function switching(id, label, key, choices, apply) {
  const button = document.getElementById(id);
  let at = Math.max(0, choices.findIndex((choice) => choice.value === kept.get(key)));
  const show = () => { button.textContent = `${label}: ${choices[at].name}`; apply(choices[at].value); };
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
  const day = parts.year ? `${parts.year}-${parts.month}-${parts.day} ` : "";
  return `${day}${time} ${parts.timeZoneName}`;
}

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
switching("theme-switch", "Theme", "theme", [
  { value: "system", name: "system" }, { value: "light", name: "light" }, { value: "dark", name: "dark" },
], (theme) => {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event("themechange"));
});
switching("zone-switch", "Times", "zone", [
  { value: "market", name: "market" }, { value: "viewer", name: "mine" },
], (chosen) => { zone = chosen; writeTimes(document); document.dispatchEvent(new Event("zonechange")); });

for (const part of document.querySelectorAll("[data-retry]")) {
  setTimeout(() => location.reload(), Number(part.dataset.retry) * 1000);
}
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});
dress(document);
