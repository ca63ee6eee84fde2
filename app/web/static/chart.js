// The values of a series as a chart: what is missing and what was found are drawn into it, and a range chosen in it opens.
"use strict";

const box = document.getElementById("chart");
const note = document.getElementById("chart-note");
const MINUTES = { PT1M: 1, PT5M: 5, PT10M: 10, PT15M: 15, PT30M: 30, PT60M: 60, P1D: 1440, P7D: 10080, P1M: 44640, P3M: 133920, P1Y: 527040 };

async function valuesAt(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
  const lines = (await answer.text()).split("\n");
  const times = [], values = [];
  let until = null;
  for (let row = 1; row < lines.length; row++) {
    const first = lines[row].indexOf(","), second = lines[row].indexOf(",", first + 1);
    if (first < 0) continue;
    const time = Date.parse(lines[row].slice(0, first)) / 1000;
    const text = lines[row].slice(second + 1).split(",")[0];
    // A hole is drawn as one; an hour of clock change makes a day or a month longer or shorter.
    if (until !== null && time > until + 3700) { times.push(until); values.push(null); }
    else if (until !== null && time > until && until - times[times.length - 1] < 86400) { times.push(until); values.push(null); }
    times.push(time);
    values.push(text === "" ? null : Number(text));
    until = time + 60 * (MINUTES[lines[row].slice(first + 1, second)] ?? 60);
  }
  if (until !== null) { times.push(until); values.push(null); }
  return [times, values];
}

function ofThisSeries(gap) {
  const own = JSON.parse(box.dataset.identity);
  return gap.series === null || Object.keys(own).every((name) => own[name] === gap.series[name]);
}

async function gapsAt(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`gaps: the service answered ${answer.status}`);
  return (await answer.json()).data.filter(ofThisSeries)
    .map((gap) => ({ from: Date.parse(gap.from) / 1000, to: Date.parse(gap.to) / 1000, kind: "gap", name: gap.reason.replaceAll("_", " ") }));
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
    ctx.save();
    for (const band of bands) {
      const left = Math.max(bbox.left, plot.valToPos(band.from, "x", true));
      const right = Math.min(bbox.left + bbox.width, plot.valToPos(band.to, "x", true));
      if (right <= left) continue;
      ctx.globalAlpha = 0.22;
      ctx.fillStyle = colour(band.kind);
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

function draw() {
  if (!drawn) return;
  plot?.destroy();
  const { data, bands, name } = drawn;
  const shown = pageZone() === "viewer" ? undefined : box.dataset.zone;
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
  const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString(undefined, { maximumFractionDigits: 3 }));
  const stepped = uPlot.paths.stepped({ align: 1 });
  const series = [{ label: "Delivery", value: (_, time) => (time === null ? "–" : written(new Date(time * 1000), "minute", shown)) }];
  if (data.length === 3) series.push({ label: "now", stroke: colour("second"), width: 1, paths: stepped, value: (_, value) => number(value), spanGaps: false });
  series.push({ label: `${name} (${box.dataset.unit})`, stroke: colour("series"), width: 1.5, paths: stepped, value: (_, value) => number(value), spanGaps: false, points: { show: false } });
  plot = new uPlot({
    width: box.clientWidth - 24, height: Math.max(260, Math.min(420, window.innerHeight * 0.5)),
    tzDate: (time) => (shown ? uPlot.tzDate(new Date(time * 1000), shown) : new Date(time * 1000)),
    series, axes: [{ ...axis, values: TICKS }, { ...axis, size: 64, label: box.dataset.unit }],
    plugins: [bandsPlugin(bands)],
    hooks: { setSelect: [chosen] },
  }, data, box);
}

function chosen(plot) {
  if (!plot.select.width) return;
  const at = (pixel) => new Date(1000 * Math.round(plot.posToVal(pixel, "x"))).toISOString().replace(".000Z", "Z");
  const link = document.createElement("a");
  const query = new URLSearchParams({ from: at(plot.select.left), to: at(plot.select.left + plot.select.width) });
  if (box.dataset.asOf) query.set("as_of", box.dataset.asOf);
  if (box.dataset.resolution) query.set("resolution", box.dataset.resolution);
  link.href = `${box.dataset.page}?${query}`;
  link.textContent = "Open this range";
  note.replaceChildren(link, " or double-click the chart to see all of it again.");
}

async function show() {
  box.hidden = false;
  note.textContent = "Loading the values …";
  try {
    const [values, present] = await Promise.all([valuesAt(box.dataset.values), box.dataset.present ? valuesAt(box.dataset.present) : null]);
    const data = present ? uPlot.join([present, values], [[2], [2]]) : values;
    drawn = { data, bands: findingsOfPage(), name: box.dataset.asOf ? "as of then" : box.dataset.name };
    draw();
    const known = values[1].filter((value) => value !== null);
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", known.length
      ? `${known.length} values between ${known.reduce((a, b) => Math.min(a, b))} and ${known.reduce((a, b) => Math.max(a, b))} ${box.dataset.unit}; the table below has the newest`
      : "no values in this range");
    note.textContent = "Drag over the chart to look closer.";
    const gaps = await gapsAt(box.dataset.gaps);
    drawn.bands = [...gaps, ...drawn.bands];
    draw();
    if (gaps.length) note.textContent = `${gaps.length} ${gaps.length === 1 ? "gap is" : "gaps are"} shaded (${[...new Set(gaps.map((gap) => gap.name))].join(", ")}). Drag over the chart to look closer.`;
  } catch (error) {
    note.textContent = `The chart could not be completed: ${error.message}. The table below has the newest values.`;
  }
  box.dataset.state = "complete";
}

document.addEventListener("themechange", draw);
document.addEventListener("zonechange", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
new ResizeObserver(() => { if (plot && Math.abs(plot.width - (box.clientWidth - 24)) > 8) plot.setSize({ width: box.clientWidth - 24, height: plot.height }); }).observe(box);
show();
