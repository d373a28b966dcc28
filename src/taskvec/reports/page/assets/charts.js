// Charts: every specification of the page, drawn on the paper that the reader has chosen, and light when printed.

const page = JSON.parse(document.getElementById("data").textContent);
const views = new Map();
const MOST_ELEMENTS = 4000; // a chart with more marks is drawn on a canvas

const paper = {
  chosen: null,
  isPrinting: false,
  isDark() {
    if (this.isPrinting) return false;
    return this.chosen ? this.chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  },
};

const countLeaves = (value) =>
  value && typeof value === "object" ? Object.values(value).reduce((sum, item) => sum + countLeaves(item), 0) : 1;

function countValues(spec) {
  const own = spec.data?.values ? countLeaves(spec.data.values) : 0;
  return own + (spec.layer ?? []).reduce((sum, layer) => sum + countValues(layer), 0);
}

// Names at the side take at most a share of the width, so that a telephone keeps room for the marks.
function onPaper(config, width) {
  return { ...config, axis: { ...config.axis, labelLimit: Math.min(Math.max(width * 0.28, 90), 280) } };
}

async function drawChart(element) {
  const name = element.dataset.chart;
  const spec = page.charts[name];
  const isDark = paper.isDark();
  views.get(name)?.finalize();
  const { view } = await vegaEmbed(element, structuredClone(spec), {
    mode: "vega-lite",
    config: onPaper(page.papers[isDark ? "dark" : "light"], element.clientWidth),
    renderer: countValues(spec) > MOST_ELEMENTS ? "canvas" : "svg",
    actions: { export: true, source: false, compiled: false, editor: false },
    downloadFileName: name,
    tooltip: { theme: isDark ? "dark" : "light" },
  });
  views.set(name, view);
}

async function drawCharts() {
  const elements = [...document.querySelectorAll("[data-chart]")].filter((element) => element.offsetParent !== null);
  await Promise.all(elements.map(drawChart));
  document.dispatchEvent(new Event("drawn"));
  document.body.dataset.drawn = String(elements.length);
}

function followPaper() {
  const button = document.getElementById("paper");
  const show = () => {
    document.documentElement.style.colorScheme = paper.chosen ?? "";
    button.setAttribute("aria-pressed", String(paper.isDark()));
    return drawCharts();
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    paper.chosen = paper.isDark() ? "light" : "dark";
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  const print = (isPrinting) => {
    const wasDark = paper.isDark();
    paper.isPrinting = isPrinting;
    if (wasDark !== paper.isDark()) drawCharts();
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  return show();
}
