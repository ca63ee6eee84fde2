// The switches for theme and zone, and pages that keep themselves up to date.
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

let zone = "market";
const pageZone = () => zone;
const original = new WeakMap();

function writeTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    if (!original.has(element)) original.set(element, element.textContent);
    const viewer = zone === "viewer";
    element.textContent = viewer ? written(new Date(element.dateTime), element.dataset.form, undefined) : original.get(element);
    element.title = element.dateTime;
  }
}

// A page that keeps itself up to date: its parts are exchanged where they differ, and nothing else moves.

function live(root) {
  const seconds = Number(root.dataset.live);
  const stale = document.getElementById("stale");
  let since = new Date();
  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
        exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
        since = new Date();
        stale.hidden = true;
      } catch (error) {
        stale.textContent = `This page is as of ${written(since, "second", undefined)}: ${error.message}. It tries again.`;
        stale.hidden = false;
      }
    }
    setTimeout(look, seconds * 1000);
  }
  function exchange(fresh) {
    for (const part of root.querySelectorAll("[data-part]")) {
      const other = fresh.getElementById(part.id);
      if (!other || part.contains(document.activeElement)) continue;
      writeTimes(other);
      if (part.innerHTML !== other.innerHTML) part.replaceChildren(...other.childNodes);
      part.className = other.className;
    }
    document.title = fresh.title || document.title;
  }
  setTimeout(look, seconds * 1000);
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

for (const root of document.querySelectorAll("[data-live]")) live(root);
for (const part of document.querySelectorAll("[data-retry]")) {
  setTimeout(() => location.reload(), Number(part.dataset.retry) * 1000);
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
