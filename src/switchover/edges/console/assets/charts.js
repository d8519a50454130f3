// Charts: every <div class="chart" data-url="..." data-key="..."> becomes one. Loaded only by pages that have any.
// The same figures stand in a table that the page links to, so these are hidden from screen readers.

(() => {
  "use strict";

  const REFRESH = 60000;
  const PALETTE = 12;
  const charts = new Map();

  // A canvas needs colours as they are now, light or dark: only an element can tell.
  function colours(element) {
    const probe = document.createElement("span");
    element.append(probe);
    const get = (name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
    const found = {
      ink: get("--ink-3"),
      line: get("--line"),
      lines: Array.from({ length: PALETTE }, (_, index) => get(`--chart-${index + 1}`)),
    };
    probe.remove();
    return found;
  }

  function words(value, unit) {
    if (value === null || value === undefined) return "\u2013";
    const rounded = Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 10) / 10;
    return `${rounded.toLocaleString("en").replaceAll(",", "\u202f")}${unit ? ` ${unit}` : ""}`;
  }

  function zoned(seconds) {
    return uPlot.tzDate(new Date(seconds * 1000), document.body.dataset.zone || "UTC");
  }

  // Hours as everybody reads them; the day where one begins, and where steps are days.
  function moments(_chart, ticks, _axis, _space, step) {
    let last = "";
    return ticks.map((tick) => {
      const at = zoned(tick);
      const two = (number) => String(number).padStart(2, "0");
      const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
      const isNew = day !== last;
      last = day;
      const hour = `${two(at.getHours())}:${two(at.getMinutes())}`;
      if (step >= 86400) return day.slice(5);
      return isNew ? `${hour}\n${day.slice(5)}` : hour;
    });
  }

  // A value between two holes has no line: a point shows it.
  function lonely(chart, index) {
    const values = chart.data[index];
    return values.flatMap((value, place) =>
      value !== null && (values[place - 1] ?? null) === null && (values[place + 1] ?? null) === null ? [place] : []);
  }

  function options(element, series) {
    const palette = colours(element);
    const unit = element.dataset.unit;
    const axis = { stroke: palette.ink, grid: { stroke: palette.line, width: 1 }, ticks: { stroke: palette.line, width: 1 } };
    const make = {
      width: Math.max(240, element.clientWidth),
      height: 220,
      cursor: { points: { size: 6 }, sync: { key: "service" } },
      scales: { x: { time: true }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [{ ...axis, values: moments }, { ...axis, size: 60, values: (_, ticks) => ticks.map((tick) => words(tick, "")) }],
      series: [
        { value: "{YYYY}-{MM}-{DD} {HH}:{mm}" },
        ...series.lines.map((line, index) => ({
          label: line.name,
          stroke: palette.lines[index % PALETTE],
          width: 1.5,
          dash: index % 3 === 1 ? [6, 3] : index % 3 === 2 ? [2, 3] : undefined,
          spanGaps: false,
          points: { show: false, filter: lonely },
          value: (_, value) => words(value, unit),
        })),
      ],
    };
    make.tzDate = zoned;
    return make;
  }

  function tell(count) {
    for (const note of document.querySelectorAll("[data-left-out]")) {
      note.hidden = count === 0;
      note.querySelector("b").textContent = `${count} quieter ${count === 1 ? "line is" : "lines are"} not drawn`;
    }
  }

  function draw(element, series) {
    charts.get(element)?.destroy();
    element.replaceChildren();
    const key = element.dataset.key;
    const isEmpty = !series.lines.some((line) => line[key].some((value) => value !== null));
    if (isEmpty) {
      charts.delete(element);
      const text = document.createElement("p");
      text.className = "faint chart-empty";
      text.textContent = "Nothing to show for this time.";
      element.append(text);
      return;
    }
    const data = [series.times, ...series.lines.map((line) => line[key])];
    charts.set(element, new uPlot(options(element, series), data, element));
  }

  async function load(places) {
    const byUrl = new Map();
    for (const element of places) {
      const url = element.dataset.url;
      if (!byUrl.has(url)) byUrl.set(url, fetch(url).then((answer) => {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.json();
      }));
      try {
        const series = await byUrl.get(url);
        element.series = series;
        tell(series.left_out);
        draw(element, series);
      } catch {
        if (!charts.has(element)) element.textContent = "The figures can not be had right now.";
      }
    }
  }

  function present() {
    return [...document.querySelectorAll(".chart[data-url]")];
  }

  function forgetGone() {
    for (const [element, chart] of charts) {
      if (element.isConnected) continue;
      chart.destroy();
      charts.delete(element);
    }
  }

  function redraw() {
    for (const element of present()) if (element.series) draw(element, element.series);
  }

  let resizing = 0;
  window.addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(redraw, 150); });
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.addEventListener("htmx:afterSettle", () => {
    forgetGone();
    load(present().filter((element) => !charts.has(element)));
  });
  setInterval(() => { if (!document.hidden) load(present()); }, REFRESH);
  load(present());
})();
