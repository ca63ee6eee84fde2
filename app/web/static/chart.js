// The values of series as a chart: what is missing, filled or was found is drawn into it, and a range chosen in it opens.
"use strict";

const box = document.getElementById("chart");
const note = document.getElementById("chart-note");
const MINUTES = { PT1M: 1, PT5M: 5, PT10M: 10, PT15M: 15, PT30M: 30, PT60M: 60, P1D: 1440, P7D: 10080, P1M: 44640, P3M: 133920, P1Y: 527040 };

const REASONS = { ours: gettext("ours"), late: gettext("late"), missing_at_source: gettext("missing at source"), not_due: gettext("not due") };
const SHOWN = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 3 });
// Thousands are apart by a narrow space, as the service writes them.
const numberOf = (value) => SHOWN.formatToParts(value).map((part) => (part.type === "group" ? "\u202f" : part.value)).join("");
const plainNumber = (value) => value.toLocaleString(LANGUAGE, { maximumFractionDigits: 20, useGrouping: false });

async function valuesAt(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(gettext("the service answered %(status)s", { status: answer.status }));
  const lines = (await answer.text()).split("\n");
  const times = [], values = [], filled = [];
  const put = (time, value, isFilled) => { times.push(time); values.push(value); filled.push(isFilled ? value : null); };
  let until = null;
  for (let row = 1; row < lines.length; row++) {
    const first = lines[row].indexOf(","), second = lines[row].indexOf(",", first + 1);
    if (first < 0) continue;
    const time = Date.parse(lines[row].slice(0, first)) / 1000;
    const third = lines[row].indexOf(",", second + 1);
    const text = lines[row].slice(second + 1, third);
    // A hole is drawn as one; an hour of clock change makes a day or a month longer or shorter.
    if (until !== null && time > until + 3700) put(until, null, false);
    else if (until !== null && time > until && until - times[times.length - 1] < 86400) put(until, null, false);
    put(time, text === "" ? null : Number(text), lines[row].charCodeAt(third + 1) === 49);
    until = time + 60 * (MINUTES[lines[row].slice(first + 1, second)] ?? 60);
  }
  if (until !== null) put(until, null, false);
  return [times, values, filled];
}

function ofThisSeries(gap) {
  const own = JSON.parse(box.dataset.identity);
  return gap.series === null || Object.keys(own).every((name) => own[name] === gap.series[name]);
}

async function gapsAt(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(gettext("gaps: the service answered %(status)s", { status: answer.status }));
  return (await answer.json()).data.filter(ofThisSeries)
    .map((gap) => ({ from: Date.parse(gap.from) / 1000, to: Date.parse(gap.to) / 1000, kind: "gap", name: REASONS[gap.reason] ?? gap.reason }));
}

function findingsOfPage() {
  return [...document.querySelectorAll("#findings tbody tr")]
    .map((row) => ({ from: Date.parse(row.dataset.from) / 1000, to: Date.parse(row.dataset.to) / 1000, kind: "finding" }));
}

const colour = (name) => {
  const probe = document.createElement("span");
  probe.className = `probe-${name}`;
  box.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

function bandsPlugin(bands) {
  return { hooks: { drawClear: (plot) => {
    const { ctx, bbox } = plot;
    const shades = Object.fromEntries(["gap", "finding"].map((kind) => [kind, colour(kind)]));
    ctx.save();
    for (const band of bands) {
      const left = Math.max(bbox.left, plot.valToPos(band.from, "x", true));
      const right = Math.min(bbox.left + bbox.width, plot.valToPos(band.to, "x", true));
      if (right <= left) continue;
      ctx.globalAlpha = 0.22;
      ctx.fillStyle = shades[band.kind];
      ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
    }
    ctx.restore();
  } } };
}

// Ticks as everywhere else: the year first, twenty-four hours.
const DAY = "{YYYY}-{MM}-{DD}";
const TICKS = [
  [31536000, "{YYYY}", null, null, null, null, null, null, 1],
  [2419200, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [86400, DAY, null, null, null, null, null, null, 1],
  [60, "{HH}:{mm}", `\n${DAY}`, null, "\n{MM}-{DD}", null, null, null, 1],
];

let plot = null;
let drawn = null;
const COLOURS = ["series", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"];
// Colours that look alike to who does not tell red from green, or blue from yellow, differ in their dashes.
const DASHES = [null, null, [14, 3], [8, 4], [8, 4], [2, 3], [10, 3, 2, 3], [8, 4]];

function draw() {
  if (!drawn) return;
  plot?.destroy();
  const { data, bands, lines } = drawn;
  const shown = pageZone() === "viewer" ? undefined : box.dataset.zone;
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
  const number = (value) => (value === null || value === undefined ? "–" : numberOf(value));
  const stepped = uPlot.paths.stepped({ align: 1 });
  const units = [...new Set(lines.map((line) => line.unit))];
  const series = [{ label: gettext("Delivery"), value: (_, time) => (time === null ? "–" : written(new Date(time * 1000), "minute", shown)) }];
  lines.forEach((line, at) => series.push({
    label: `${line.name} (${line.unit})`, scale: line.unit || "y", stroke: colour(COLOURS[at % COLOURS.length]), width: at ? 1 : 1.5,
    dash: DASHES[at % DASHES.length], paths: stepped, value: (_, value) => number(value), spanGaps: false, points: { show: false },
  }));
  if (data.length > lines.length + 1) series.push({
    label: gettext("filled"), scale: lines[0].unit || "y", stroke: colour("finding"), paths: () => null, value: (_, value) => number(value),
    points: { show: true, size: 5, fill: colour("finding"), width: 0 },
  });
  const axes = units.slice(0, 2).map((unit, at) => ({ ...axis, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : numberOf(tick))), scale: unit || "y", size: 64, label: unit, side: at ? 1 : 3, grid: at ? { show: false } : axis.grid }));
  const narrow = box.clientWidth < 480; // whole dates need more room than hours, the last one beside the chart
  plot = new uPlot({
    padding: narrow ? [null, 36, null, null] : undefined,
    width: box.clientWidth - 24, height: Math.max(260, Math.min(420, window.innerHeight * 0.5)),
    tzDate: (time) => (shown ? uPlot.tzDate(new Date(time * 1000), shown) : new Date(time * 1000)),
    legend: { markers: { dash: (_, at) => (DASHES[(at - 1) % DASHES.length] && at <= lines.length ? "dashed" : "solid") } },
    series, axes: [{ ...axis, values: TICKS, space: narrow ? 84 : 50, label: shown ?? Intl.DateTimeFormat().resolvedOptions().timeZone }, ...axes],
    plugins: [bandsPlugin(bands)],
    hooks: { setSelect: [chosen], draw: [() => performance.mark("chart-drawn")] },
  }, data, box);
  plot.ctx.canvas.setAttribute("aria-hidden", "true"); // the box says in words what it shows
  plot.over.addEventListener("click", pointed);
}

const instant = (seconds) => new Date(1000 * seconds).toISOString().replace(".000Z", "Z");
const addressWith = (page, more) => `${page}${page.includes("?") ? "&" : "?"}${new URLSearchParams(more)}`;

function said(href, text, rest) {
  const link = document.createElement("a");
  link.href = href;
  link.textContent = text;
  note.replaceChildren(link, rest);
}

let chosenAt = -1000;

function chosen(plot) {
  if (!plot.select.width) return;
  chosenAt = performance.now();
  const at = (pixel) => instant(Math.round(plot.posToVal(pixel, "x")));
  const range = { from: at(plot.select.left), to: at(plot.select.left + plot.select.width) };
  said(addressWith(box.dataset.page, range), gettext("Open this range"), gettext(" or double-click the chart to see all of it again."));
}

function pointed() {
  const at = plot.cursor.idx;
  // The end of a drag is a click as well.
  if (at === null || at === undefined || performance.now() - chosenAt < 300) return;
  const time = plot.data[0][at];
  said(addressWith(box.dataset.revisions, { at: instant(time) }), gettext("What was believed of the value"), gettext(" delivered from %(at)s.", { at: written(new Date(time * 1000), "minute", pageZone() === "viewer" ? undefined : box.dataset.zone) }));
}

const rounded = (value) => plainNumber(Number(value.toPrecision(7)));

async function show() {
  box.hidden = false;
  note.textContent = gettext("Loading the values …");
  try {
    const lines = JSON.parse(box.dataset.lines);
    const gapsLater = gapsAt(box.dataset.gaps).catch((error) => error);
    const tables = await Promise.all(lines.map((line) => valuesAt(line.values)));
    const [, values, filled] = tables[0];
    const anyFilled = filled.some((value) => value !== null);
    performance.mark("chart-loaded");
    const columns = tables.map(([times, column]) => [times, column]);
    if (anyFilled) columns.push([tables[0][0], filled]);
    const data = columns.length === 1 ? columns[0]
      : tables.length === 1 ? [tables[0][0], values, filled]
        : uPlot.join(columns, columns.map((_, at) => [0, anyFilled && at === columns.length - 1 ? 1 : 2]));
    drawn = { data, bands: findingsOfPage(), lines };
    draw();
    const known = values.filter((value) => value !== null);
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", known.length
      ? gettext("%(names)s: %(count)s values between %(least)s and %(most)s %(unit)s; the table below has the newest", {
        names: lines.map((line) => line.name).join("; "), count: known.length, unit: lines[0].unit,
        least: rounded(known.reduce((a, b) => Math.min(a, b))), most: rounded(known.reduce((a, b) => Math.max(a, b))),
      })
      : gettext("no values in this range"));
    const gaps = await gapsLater;
    if (gaps instanceof Error) throw gaps;
    drawn.bands.unshift(...gaps);
    if (gaps.length) plot.redraw(false);
    const reasons = [...new Set(gaps.map((gap) => gap.name))].join(", ");
    note.textContent = [
      gaps.length ? ngettext("%(num)s gap is shaded (%(reasons)s).", "%(num)s gaps are shaded (%(reasons)s).", gaps.length, { reasons }) : "",
      anyFilled ? gettext("Dots are values that the platform's rule repeats.") : "",
      gettext("Drag over the chart to look closer, click a value for its revisions."),
    ].filter(Boolean).join(" ");
  } catch (error) {
    note.textContent = gettext("The chart could not be completed: %(detail)s. The table below has the newest values.", { detail: error.message });
  }
  box.dataset.state = "complete";
}

// A moment of knowledge is part of the address: where the slider comes to rest, the page of that moment opens.

function slide() {
  const slider = document.getElementById("known-at"), output = document.getElementById("known-said");
  const zone = () => (pageZone() === "viewer" ? undefined : box.dataset.zone);
  const write = () => { output.textContent = Number(slider.value) + 900 > Number(slider.max) ? gettext("now") : written(new Date(slider.value * 1000), "minute", zone()); };
  let waiting = null;
  slider.addEventListener("input", write);
  slider.addEventListener("change", () => {
    clearTimeout(waiting);
    const more = Number(slider.value) + 900 > Number(slider.max) ? {} : { as_of: instant(Number(slider.value)) };
    waiting = setTimeout(() => location.assign(addressWith(slider.dataset.page, more)), 600);
  });
  document.addEventListener("zonechange", write);
  document.getElementById("known").hidden = false;
  write();
}

document.addEventListener("themechange", draw);
document.addEventListener("zonechange", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
new ResizeObserver(() => { if (plot && Math.abs(plot.width - (box.clientWidth - 24)) > 8) plot.setSize({ width: box.clientWidth - 24, height: plot.height }); }).observe(box);
slide();
show();
