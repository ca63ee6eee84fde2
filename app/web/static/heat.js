// A map of months: arrow keys walk over its cells, Enter and a click open the hours of the month.
"use strict";

for (const table of document.querySelectorAll("table.heat[data-hours]")) {
  const months = [...table.querySelectorAll("thead [data-month]")].map((cell) => cell.dataset.month);
  let current = null;

  function address(cell) {
    const query = new URL(cell.parentElement.cells[0].querySelector("a").href).searchParams;
    const chosen = new URLSearchParams({ item: query.get("item"), area: query.get("area"), month: months[cell.cellIndex - 1] });
    return `${table.dataset.hours}?${chosen}`;
  }
  function walk(cell) {
    if (current) current.tabIndex = -1;
    current = cell;
    cell.tabIndex = 0;
    cell.focus();
  }
  const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("tbody td");
    if (!cell) return;
    if (event.key === "Enter") location.assign(address(cell));
    const step = STEPS[event.key];
    if (!step) return;
    const rows = [...table.querySelectorAll("tbody tr")];
    const next = rows[rows.indexOf(cell.parentElement) + step[0]]?.cells[cell.cellIndex + step[1]];
    if (!next || next.tagName !== "TD") return;
    event.preventDefault();
    walk(next);
  });
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody td");
    if (cell) location.assign(address(cell));
  });
  // Parts that the service sends know nothing of where somebody walks.
  function begin() {
    table.classList.add("walked");
    if (!current?.isConnected) current = table.querySelector("tbody td");
    if (current) current.tabIndex = 0;
  }
  document.addEventListener("partschange", begin);
  begin();
}
