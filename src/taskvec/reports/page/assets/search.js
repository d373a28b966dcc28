// Search: one field marks a task in every figure that can show one and in every table.

function findEverywhere(wanted) {
  for (const view of views.values()) {
    if ("wanted" in view.getState().signals) view.signal("wanted", wanted).runAsync();
  }
  const lower = wanted.toLowerCase();
  const rows = [...document.querySelectorAll(".table tbody tr")];
  for (const row of rows) {
    row.classList.toggle("is-found", lower !== "" && row.cells[0].textContent.toLowerCase().includes(lower));
  }
  return rows.filter((row) => row.classList.contains("is-found")).length;
}

function startSearch() {
  for (const place of document.querySelectorAll(".search")) {
    const input = place.querySelector("input");
    const names = [...place.querySelectorAll("option")].map((option) => option.value.toLowerCase());
    const find = () => {
      findEverywhere(input.value);
      const matches = names.filter((name) => name.includes(input.value.toLowerCase())).length;
      place.querySelector("output").textContent = input.value ? `${matches} of ${names.length}` : "";
    };
    input.addEventListener("input", find);
    document.addEventListener("drawn", () => input.value && find());
  }
}
