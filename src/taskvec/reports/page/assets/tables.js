// Tables: headings sort, a field filters; both by keyboard as well as by mouse.

const collator = new Intl.Collator(undefined, { numeric: true });

function compare(isNumber) {
  return (one, other) => {
    if (one === "" || other === "") return (one === "") - (other === ""); // what is not known comes last
    return isNumber ? Number(one) - Number(other) : collator.compare(one, other);
  };
}

function sortRows(table, heading, column) {
  const isRising = heading.getAttribute("aria-sort") !== "ascending";
  const order = compare(heading.classList.contains("number"));
  const keyed = [...table.tBodies[0].rows].map((row) => ({ row, key: row.cells[column].dataset.key }));
  keyed.sort((one, other) => (one.key === "" || other.key === "" || isRising ? 1 : -1) * order(one.key, other.key));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", isRising ? "ascending" : "descending");
  table.tBodies[0].append(...keyed.map(({ row }) => row));
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortRows(table, heading, column));
    heading.append(button);
  });
}

function makeFilterable(input, table) {
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}

function startTables() {
  for (const place of document.querySelectorAll(".table")) {
    const table = place.querySelector("table");
    const input = place.querySelector("input.rows");
    makeSortable(table);
    if (input) makeFilterable(input, table);
  }
}
