// What if: norm, cosines and basis errors of any combination, exactly, from the T × T inner products in the page.

const MOST_DIALS = 12;
const DECIMALS = 1e4;

// aᵀGa and Ga for a symmetric matrix that is kept as its lower rows.
function timesVector(lower, a) {
  const product = new Float64Array(a.length);
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      product[i] += lower[i][j] * a[j];
      product[j] += lower[i][j] * a[i];
    }
    product[i] += lower[i][i] * a[i];
  }
  return product;
}

function quadratic(lower, a) {
  const used = [...a.keys()].filter((i) => a[i] !== 0);
  let sum = 0;
  for (const i of used) {
    for (const j of used) {
      if (j > i) break;
      if (lower[i][j] === null) return NaN; // two tasks that never met
      sum += (i === j ? 1 : 2) * a[i] * a[j] * lower[i][j];
    }
  }
  return sum;
}

function combination(panel, a) {
  const product = timesVector(panel.gram, a);
  const norm = Math.sqrt(Math.max(a.reduce((sum, value, i) => sum + value * product[i], 0), 0));
  const norms = panel.gram.map((row, i) => Math.sqrt(Math.max(row[i], 0)));
  const cosines = norms.map((own, i) => (own > 0 && norm > 0 ? Math.min(Math.max(product[i] / (own * norm), -1), 1) : NaN));
  const parts = Math.sqrt(a.reduce((sum, value, i) => sum + (value * norms[i]) ** 2, 0));
  return { norm, cosines, parts };
}

// The relative error of a basis, √(aᵀRa / aᵀGa); null where it does not hold a vector that is dialled.
function basisError(basis, a, gram) {
  const own = new Float64Array(basis.tasks.length);
  const left = new Set([...a.keys()].filter((i) => a[i] !== 0));
  basis.tasks.forEach((task, k) => {
    if (task.vector !== null && left.delete(task.vector)) own[k] = a[task.vector];
  });
  if (left.size) return null;
  const [error, truth] = [quadratic(basis.residual, own), quadratic(gram, a)];
  if (error <= 0) return 0;
  return truth > 0 ? Math.sqrt(error / truth) : truth === 0 ? Infinity : NaN;
}

function term(value, what) {
  const size = Math.abs(value) === 1 ? "" : `${Math.abs(value)}*`;
  return `${value < 0 ? "-" : "+"} ${size}${what}`;
}

function expression(names, a) {
  const used = names.map((name, i) => ({ name, value: a[i] })).filter(({ value }) => value !== 0);
  const values = new Set(used.map(({ value }) => value));
  if (used.length > 2 && values.size === 1) {
    return `base ${term(used[0].value, `sum(${used.map(({ name }) => name).join(", ")})`)}`;
  }
  return ["base", ...used.map(({ name, value }) => term(value, name))].join(" ");
}

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
const written = (value) => (Number.isFinite(value) ? value.toPrecision(6) : "–");

function startWhatIf() {
  const place = document.querySelector(".what-if");
  if (!place) return;
  const panel = page.whatIf;
  const a = new Float64Array(panel.names.length);
  const find = (selector) => place.querySelector(selector);
  const dials = panel.names.map((name, i) => makeDial(name, (value) => turn(i, value)));
  find(".dials").append(...dials.map(({ element }) => element));
  panel.bases.forEach((basis) => find(".source").append(new Option(`basis ${basis.name}`, basis.name)));

  function turn(i, value) {
    a[i] = Math.round(value * DECIMALS) / DECIMALS || 0;
    dials[i].show(a[i]);
    update();
  }

  function showDials() {
    const wanted = find(".pick").value.toLowerCase();
    let left = MOST_DIALS;
    dials.forEach(({ element }, i) => {
      const isWanted = wanted !== "" || panel.names.length <= MOST_DIALS || i < MOST_DIALS / 2;
      const isShown = a[i] !== 0 || (isWanted && panel.names[i].toLowerCase().includes(wanted) && left > 0);
      element.hidden = !isShown;
      if (isShown) left -= 1;
    });
    const hidden = dials.filter(({ element }) => element.hidden).length;
    find(".more").textContent = hidden ? `${hidden} more tasks: find them by name.` : "";
  }

  function showCosines(cosines) {
    const name = find("[data-chart]").dataset.chart;
    const rows = panel.names.map((task, i) => ({ task, cosine: cosines[i] })).filter((row) => Number.isFinite(row.cosine));
    if (rows.length > panel.mostBars) rows.sort((one, other) => Math.abs(other.cosine) - Math.abs(one.cosine));
    views.get(name)?.data("cosines", rows.slice(0, panel.mostBars)).resize().runAsync();
  }

  function showBases() {
    const rows = panel.bases.map((basis) => {
      const error = basisError(basis, a, panel.gram);
      const row = document.createElement("tr");
      const cells = [basis.name, String(basis.atoms), error === null ? "does not hold them" : written(error)];
      cells.forEach((text, column) => {
        const cell = row.insertCell();
        cell.textContent = text;
        if (column) cell.className = "number";
      });
      row.dataset.error = String(error);
      return row;
    });
    find(".bases tbody").replaceChildren(...rows);
    find(".bases").hidden = !rows.length;
  }

  function showCommand() {
    const basis = panel.bases.find(({ name }) => name === find(".source").value);
    const names = panel.names.map((name, i) => basis?.tasks.find((task) => task.vector === i)?.name ?? name);
    const end = basis ? ` --basis ${basis.name}` : "";
    find(".command").textContent = `taskvec edit ${quoted(panel.store)} "${expression(names, a)}"${end} -o OUT`;
  }

  function update() {
    const found = combination(panel, a);
    find(".norm").textContent = written(found.norm);
    find(".norm").dataset.value = String(found.norm);
    find(".kept").textContent = found.parts > 0 ? `${written(found.norm / found.parts)} × √(sum of squares)` : "–";
    showCosines(found.cosines);
    showBases();
    showCommand();
  }

  const presets = { clear: 0, mean: 1 / panel.names.length, sum: 0.3 };
  for (const button of place.querySelectorAll("[data-preset]")) {
    button.addEventListener("click", () => {
      dials.forEach((dial, i) => dial.show((a[i] = Math.round(presets[button.dataset.preset] * DECIMALS) / DECIMALS)));
      showDials();
      update();
    });
  }
  find(".pick").addEventListener("input", showDials);
  find(".source").addEventListener("change", showCommand);
  find(".copy").addEventListener("click", () => navigator.clipboard?.writeText(find(".command").textContent));
  document.addEventListener("drawn", update);
  place.hidden = false;
  if (panel.names.length) dials[0].show((a[0] = 0.5));
  if (panel.names.length > 1) dials[1].show((a[1] = 0.5));
  showDials();
  update();
}

function makeDial(name, turned) {
  const element = document.createElement("div");
  const [label, slider, number] = ["label", "input", "input"].map((tag) => document.createElement(tag));
  Object.assign(slider, { type: "range", min: "-2", max: "2", step: "0.01", value: "0" });
  Object.assign(number, { type: "number", step: "any", value: "0" });
  slider.setAttribute("aria-label", `Coefficient of ${name}`);
  number.setAttribute("aria-label", `Exact coefficient of ${name}`);
  label.append(Object.assign(document.createElement("span"), { textContent: name, title: name }), slider);
  element.className = "dial";
  element.append(label, number);
  slider.addEventListener("input", () => turned(Number(slider.value)));
  number.addEventListener("change", () => turned(Number(number.value)));
  const show = (value) => {
    slider.value = String(value);
    number.value = String(value);
  };
  return { element, show };
}
