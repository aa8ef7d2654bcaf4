
"use strict";
// Texts of the page go in as `textContent`, never as markup.

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const figure = value => {  // four digits, as everywhere
  if (value === null || value === undefined) return "-";
  return String(Number(value.toPrecision(4)));
};

const levelled = (plot, least, most) => {  // uPlot's own range of zeros alone reaches to 100
  if (least === null || least < most) return uPlot.rangeNum(least, most, 0.1, true);
  const room = Math.abs(least) / 10 || 1;
  return [least - room, most + room];
};

const clamp = (value, least, most) => Math.max(least, Math.min(most, value));

const save = (name, text) => {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

// ---------------------------------------------------------------- the step of samples and curves

const slider = document.querySelector(".slider");
const steps = slider ? slider.querySelector("input").dataset.steps.split(" ").map(Number) : [];
const charts = [];

const place = () => Number(slider.querySelector("input").value);

const showStep = to => {
  const input = slider.querySelector("input");
  input.value = clamp(to, 0, steps.length - 1);
  slider.querySelector("output").textContent = "step " + steps[place()];
  for (const part of all("[data-place]")) part.hidden = Number(part.dataset.place) !== place();
  all(".thumbs img").forEach((thumb, k) => {
    const shown = all(".strips.large figure:not(.real)")[k].querySelector("img:not([hidden])");
    thumb.hidden = !shown;
    if (shown) thumb.src = shown.src;
  });
  if (enlarged.open) enlarge(enlarged.figure);
  for (const chart of charts) chart.plot?.redraw(false);
};

const showNearestStep = step => {
  const distances = steps.map(each => Math.abs(each - step));
  if (slider) showStep(distances.indexOf(Math.min(...distances)));
};

// ---------------------------------------------------------------- a picture in large

const enlarged = make("dialog", { className: "enlarged" });

const enlarge = shown => {
  enlarged.figure = shown;
  const image = shown.querySelector("img:not([hidden])");
  const caption = shown.querySelector("figcaption").textContent.replace(/\s+/g, " ").trim();
  const parts = [];
  for (const real of shown.matches(".real") ? [] : all(".strips .real").slice(0, 1)) {
    const other = real.querySelector("img");
    parts.push(make("figure", {}, make("img", { src: other.src, alt: other.alt }), make("figcaption", { textContent: "real examples" })));
  }
  const at = shown.matches(".real") || !slider ? "" : ", step " + steps[place()];
  const content = image ? make("img", { src: image.src, alt: image.alt }) : make("p", { textContent: "no picture at this step" });
  parts.push(make("figure", {}, content, make("figcaption", { textContent: caption + at })));
  const close = make("button", { type: "button", textContent: "close", onclick: () => enlarged.close() });
  const hint = make("span", { className: "soft", textContent: steps.length > 1 ? "arrow keys: other steps" : "" });
  enlarged.replaceChildren(make("div", { className: "tools" }, close, hint), make("div", { className: "pair" }, ...parts));
  if (!enlarged.open) enlarged.showModal();
};

const prepareSamples = () => {
  document.body.append(enlarged);
  enlarged.addEventListener("click", event => {
    if (event.target === enlarged || event.target.tagName === "IMG") enlarged.close();
  });
  enlarged.addEventListener("keydown", event => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && slider) showStep(place() + by);
  });
  for (const shown of all(".strips figure")) {
    for (const image of all("img", shown)) {
      Object.assign(image, { tabIndex: 0, title: "enlarge", onclick: () => enlarge(shown) });
      image.setAttribute("role", "button");
      image.addEventListener("keydown", event => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          enlarge(shown);
        }
      });
    }
  }
  if (!slider || steps.length < 2) return;
  slider.hidden = false;
  slider.querySelector("input").addEventListener("input", () => showStep(place()));
  const thumbs = slider.querySelector(".thumbs");
  for (const _ of all(".strips.large figure:not(.real)").slice(0, 6)) thumbs.append(make("img", { alt: "" }));
  // the samples of the step stay in sight over the curves
  const strips = document.querySelector(".strips.large");
  const below = { rootMargin: "-180px 0px 0px 0px" };  // what the header and the slider leave
  new IntersectionObserver(([entry]) => { thumbs.hidden = entry.isIntersecting; }, below).observe(strips);
  showStep(place());
};

// ---------------------------------------------------------------- curves

const groups = all(".legend .group").map(label => ({
  name: label.textContent.trim(),
  color: label.dataset.color,
  label,
  shown: true,
}));
const single = groups.length === 0;
if (single) groups.push({ name: "value", color: "var(--accent)", shown: true });

const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const stroke = group => group.color.startsWith("var") ? color("--accent") : group.color;

const isSet = id => document.getElementById(id)?.checked ?? false;
const smoothing = () => Number(document.getElementById("smoothing").value);

// the exponential mean of the values so far, without the bias towards 0 at its beginning
const smooth = (values, weight) => {
  if (!weight) return values;
  let sum = 0, total = 0;
  return values.map(value => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return sum / total;
  });
};

const nearest = (values, index) => {
  for (let away = 0; away < values.length; away++) {
    if (values[index - away] != null) return index - away;
    if (values[index + away] != null) return index + away;
  }
  return index;
};

class Chart {
  constructor(card) {
    this.card = card;
    this.name = card.querySelector("h3").firstChild.textContent.trim();
    [this.steps, ...this.curves] = JSON.parse(card.dataset.points);
    const values = this.curves.flatMap(rows => rows ? rows.flat() : []).filter(v => v !== null);
    this.positive = values.every(value => value > 0);
    this.logarithmic = "log" in card.dataset && this.positive;
    this.place = make("div", { className: "plot", tabIndex: 0 });
    this.place.setAttribute("role", "group");
    this.place.setAttribute("aria-label", this.name + " over steps: arrow keys read its values");
    this.tip = make("div", { className: "tip", hidden: true });
    this.tip.setAttribute("aria-live", "polite");
    card.append(this.place, this.tip, this.tools());
    this.place.addEventListener("keydown", event => this.key(event));
    this.place.addEventListener("blur", () => this.leave());
    new ResizeObserver(() => this.resize()).observe(this.place);
  }

  tools() {
    this.log = make("button", { type: "button", textContent: "log values", disabled: !this.positive });
    if (!this.positive) this.log.title = "not all values are above 0";
    this.log.setAttribute("aria-pressed", this.logarithmic);
    this.log.onclick = () => {
      this.logarithmic = !this.logarithmic;
      this.log.setAttribute("aria-pressed", this.logarithmic);
      this.draw();
    };
    const csv = make("button", { type: "button", textContent: "CSV", title: "the points of the groups shown", onclick: () => this.csv() });
    return make("div", { className: "tools" }, this.log, csv);
  }

  // for each group its smoothed mean, the mean itself, and the ends of its band
  series() {
    const weight = smoothing(), logSteps = isSet("log-steps");
    const kept = this.steps.map((step, k) => (logSteps && step <= 0 ? -1 : k)).filter(k => k >= 0);
    const pick = row => kept.map(k => row[k]);
    const data = [pick(this.steps)], options = [{}], bands = [];
    this.curves.forEach((rows, k) => {
      const group = groups[k], show = group.shown && rows !== null;
      const [mean, least, most] = (rows ?? []).map(pick);
      const empty = data[0].map(() => null);
      const line = { stroke: () => stroke(group), spanGaps: true, show, points: { size: 5 } };
      data.push(smooth(mean ?? empty, weight), mean ?? empty, smooth(least ?? empty, weight), smooth(most ?? empty, weight));
      const first = 1 + 4 * k, edge = { ...line, width: 0, points: { show: false } };
      options.push(
        { ...line, width: 1.7 },
        { ...line, width: 1, alpha: 0.3, show: show && weight > 0, points: { show: false } },
        edge,
        edge,
      );
      if (least) bands.push({ series: [first + 3, first + 2], fill: () => stroke(group) + "2e" });
    });
    return { data, options, bands };
  }

  draw() {
    const { data, options, bands } = this.series();
    const axis = { stroke: () => color("--soft"), font: "11px system-ui, sans-serif", ticks: { show: false },
      grid: { stroke: () => color("--line"), width: 1 } };
    const show = (plot, splits) => splits.map(v => (v === null ? "" : figure(v)));
    this.plot?.destroy();
    this.plot = new uPlot({
      width: this.width(), height: 250, ms: 1, legend: { show: false },
      series: options, bands,
      scales: { x: { time: false, distr: isSet("log-steps") ? 3 : 1 }, y: { distr: this.logarithmic ? 3 : 1, range: this.logarithmic ? undefined : levelled } },
      axes: [
        { ...axis, size: 30, values: show, space: 70 },
        { ...axis, size: 62, values: show },
      ],
      cursor: {
        drag: { x: true, y: true, uni: 30, dist: 5 },
        sync: { key: "steps", scales: ["x", null], filters: { pub: type => type === "mousemove" || type === "mouseleave" } },
        // of a group one point only: on its smoothed mean
        points: { size: 7, show: (plot, k) => (k % 4 === 1 ? make("div") : undefined) },
        dataIdx: (plot, k, index) => (k === 0 ? index : nearest(plot.data[k], index)),
        focus: { prox: -1 },
      },
      hooks: {
        setCursor: [() => this.read()],
        draw: [plot => this.mark(plot)],
        ready: [plot => this.listen(plot)],
      },
    }, data, this.place);
  }

  width() { return Math.max(200, this.place.clientWidth); }

  resize() {
    if (this.plot && this.width() !== this.plot.width) this.plot.setSize({ width: this.width(), height: 250 });
  }

  listen(plot) {
    let from = null;
    plot.over.addEventListener("mousedown", event => { from = [event.clientX, event.clientY]; });
    plot.over.addEventListener("click", event => {
      const moved = from && Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 4;
      if (!moved) showNearestStep(plot.posToVal(plot.cursor.left, "x"));
    });
    plot.over.addEventListener("mouseenter", () => { Chart.read = this; });
    plot.over.addEventListener("mouseleave", () => this.leave());
  }

  leave() {
    this.tip.hidden = true;
    if (Chart.read === this) Chart.read = null;
  }

  // the values under the pointer
  read() {
    const { left, top, idx } = this.plot.cursor;
    if (Chart.read !== this || idx == null || left < 0) {
      this.tip.hidden = true;
      return;
    }
    const at = k => this.plot.data[k][nearest(this.plot.data[k], idx)];
    const lines = [make("b", { textContent: "step " + this.plot.data[0][idx] })];
    this.curves.forEach((rows, k) => {
      if (rows === null || !groups[k].shown) return;
      const swatch = make("i");
      swatch.style.background = stroke(groups[k]);
      const name = single ? "" : groups[k].name;
      const band = rows.length > 1 ? ` (${figure(at(4 * k + 3))} to ${figure(at(4 * k + 4))})` : "";
      const value = make("span", { className: "value", textContent: figure(at(4 * k + 1)) + band });
      lines.push(make("div", {}, swatch, make("span", { className: "name", textContent: name }), value));
    });
    this.tip.replaceChildren(...lines);
    this.tip.hidden = false;
    const box = this.plot.over, middle = box.offsetLeft + box.clientWidth / 2;
    const over = box.offsetLeft + left, room = this.card.clientWidth;
    const start = over < middle ? over + 14 : over - 14 - this.tip.offsetWidth;
    this.tip.style.left = clamp(start, 4, room - this.tip.offsetWidth - 4) + "px";
    const below = Math.max(6, box.clientHeight - this.tip.offsetHeight - 2);
    this.tip.style.top = this.place.offsetTop + (top < box.clientHeight / 2 ? below : 6) + "px";
  }

  // a line at the step whose samples are shown
  mark(plot) {
    if (!slider || slider.hidden) return;
    const x = Math.round(plot.valToPos(steps[place()], "x", true));
    if (!(x >= plot.bbox.left && x <= plot.bbox.left + plot.bbox.width)) return;
    plot.ctx.save();
    plot.ctx.strokeStyle = color("--accent");
    plot.ctx.lineWidth = uPlot.pxRatio;
    plot.ctx.setLineDash([5 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
    plot.ctx.beginPath();
    plot.ctx.moveTo(x, plot.bbox.top);
    plot.ctx.lineTo(x, plot.bbox.top + plot.bbox.height);
    plot.ctx.stroke();
    plot.ctx.restore();
  }

  reset() { this.plot?.setData(this.plot.data, true); }

  key(event) {
    const plot = this.plot, x = plot.data[0], last = x.length - 1;
    const index = plot.cursor.idx ?? 0, { min, max } = plot.scales.x;
    const zoom = by => {
      const half = (max - min) * by / 2, center = x[index];
      plot.setScale("x", { min: Math.max(x[0], center - half), max: Math.min(x[last], center + half) });
    };
    const jump = event.shiftKey ? 10 : 1;
    const acts = {
      ArrowLeft: () => this.point(index - jump), ArrowRight: () => this.point(index + jump),
      Home: () => this.point(0), End: () => this.point(last),
      "+": () => zoom(0.5), "-": () => zoom(2), Escape: () => this.reset(), Enter: () => showNearestStep(x[index]),
    };
    if (!(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
  }

  point(index) {
    const plot = this.plot, step = plot.data[0][clamp(index, 0, plot.data[0].length - 1)];
    Chart.read = this;
    plot.setCursor({ left: plot.valToPos(step, "x"), top: plot.over.clientHeight / 2 }, true);
  }

  csv() {
    const shown = this.curves.map((rows, k) => [rows, k]).filter(([rows, k]) => rows !== null && groups[k].shown);
    const head = ["step"], columns = [this.steps];
    for (const [rows, k] of shown) {
      const names = single ? [this.name] : [groups[k].name];
      if (rows.length > 1) names.push(groups[k].name + " least", groups[k].name + " greatest");
      head.push(...names);
      columns.push(...rows);
    }
    // an apostrophe before what a spreadsheet would take for a formula
    const quote = text => '"' + text.replace(/^[=+\-@]/, "'$&").replace(/"/g, '""') + '"';
    const rows = this.steps.map((_, k) => columns.map(column => column[k] ?? "").join(","));
    save(this.name.replace(/\W+/g, "_") + ".csv", [head.map(quote).join(","), ...rows].join("\n") + "\n");
  }
}

const drawAll = () => { for (const chart of charts) if (chart.plot) chart.draw(); };

const prepareCurves = () => {
  const tools = document.querySelector("#curves .tools");
  if (!tools) return;
  tools.hidden = false;
  if (slider) tools.querySelector(".soft").append(" Click or Enter: the samples of that step.");
  for (const hidden of all(".scripted")) hidden.hidden = false;
  const output = tools.querySelector("output");
  document.getElementById("smoothing").addEventListener("input", event => {
    output.textContent = event.target.value;
    drawAll();
  });
  document.getElementById("log-steps").addEventListener("change", drawAll);
  document.getElementById("reset").onclick = () => { for (const chart of charts) chart.reset(); };
  for (const group of single ? [] : groups) {
    const button = make("button", { type: "button", className: "group", title: "show or hide; with Shift this one alone" }, ...group.label.childNodes);
    group.label.replaceWith(button);
    group.button = button;
    button.onclick = event => {
      if (event.shiftKey) for (const other of groups) other.shown = other === group;
      else group.shown = !group.shown;
      for (const other of groups) other.button.setAttribute("aria-pressed", other.shown);
      drawAll();
    };
    button.setAttribute("aria-pressed", true);
  }
  // a chart is drawn when it comes into sight: there may be many
  const seen = new IntersectionObserver(entries => {
    for (const { isIntersecting, target } of entries) {
      const chart = charts.find(each => each.card === target);
      if (isIntersecting && !chart.plot) chart.draw();
    }
  }, { rootMargin: "300px" });
  for (const card of all(".chart")) {
    charts.push(new Chart(card));
    seen.observe(card);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
};

// ---------------------------------------------------------------- tables

// a number where a cell begins with one, apart from what is small below it; else the text
const sortKey = cell => {
  const parts = [...(cell?.childNodes ?? [])].filter(node => node.nodeName !== "SMALL");
  const text = cell?.dataset.sort ?? parts.map(node => node.textContent).join("").trim();
  const number = text.match(/^[-+]?[\d.,]+(e[-+]?\d+)?(?=\s|$)/i);
  return number ? parseFloat(number[0].replace(/,/g, "")) : text.toLowerCase();
};

const isMissing = key => key === "" || key === "-" || key === "none" || key === "not recorded";

const compareKeys = (a, b) => {
  if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  return typeof a === "number" ? -1 : 1;
};

const sortRows = (table, column, by) => {
  const body = table.tBodies[0];
  const keyed = [...body.rows].map(row => [sortKey(row.cells[column]), row]);
  keyed.sort(([a], [b]) => isMissing(a) - isMissing(b) || by * compareKeys(a, b));
  body.append(...keyed.map(([, row]) => row));
};

const prepareTable = table => {
  if (!table.tHead || table.tBodies[0].rows.length < 2) return;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = make("button", { type: "button", title: "sort" }, ...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const by = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", by > 0 ? "ascending" : "descending");
      sortRows(table, column, by);
    };
  });
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 6) return;
  const count = make("span", { className: "soft" });
  const filter = make("input", { type: "search", placeholder: "filter rows" });
  filter.setAttribute("aria-label", "filter rows");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
    const left = rows.filter(row => !row.hidden).length;
    count.textContent = left === rows.length ? "" : `${left} of ${rows.length} rows`;
  });
  table.closest(".scroll").before(make("div", { className: "tools filter" }, filter, count));
};

// ---------------------------------------------------------------- commands

const prepareCommand = command => {
  const button = make("button", { type: "button", textContent: "copy" });
  button.onclick = async () => {
    getSelection().selectAllChildren(command);
    const copied = await navigator.clipboard?.writeText(command.textContent).then(() => true, () => false);
    button.textContent = copied ? "copied" : "selected";
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  };
  command.after(" ", button);
};

prepareSamples();
prepareCurves();
all(".scroll > table").forEach(prepareTable);
all("code.command").forEach(prepareCommand);
