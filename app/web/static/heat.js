// A map of months: arrow keys walk over its cells, Enter and a click open the hours of the month.
"use strict";

for (const table of document.querySelectorAll("table.heat[data-hours]")) {
  const months = [...table.querySelectorAll("thead [data-month]")].map((cell) => cell.dataset.month);
  const rows = table.tBodies[0].rows;
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
    const next = rows[cell.parentElement.sectionRowIndex + step[0]]?.cells[cell.cellIndex + step[1]];
    if (!next || next.tagName !== "TD") return;
    event.preventDefault();
    walk(next);
  });
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody td");
    if (cell) location.assign(address(cell));
  });
  table.classList.add("walked");
  current = rows[0]?.cells[1] ?? null;
  if (current) current.tabIndex = 0;
}
