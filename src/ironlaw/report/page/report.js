"use strict";
// Sorting and filtering of tables, and the downloads. Everything else on the page works without this script.

function valueOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
}

function compareRows(column, isNumber, sign) {
  return (a, b) => {
    const [x, y] = [valueOf(a, column), valueOf(b, column)];
    // A gap has no place in an order: it stays below every number, whichever way the column is sorted.
    if (isNumber && (x === "" || y === "")) return (x === "") - (y === "");
    return sign * (isNumber ? Number(x) - Number(y) : x.localeCompare(y, undefined, { numeric: true }));
  };
}

function sortBy(header) {
  const table = header.closest("table");
  const isNumber = header.classList.contains("n");
  const first = isNumber ? "descending" : "ascending";
  const other = isNumber ? "ascending" : "descending";
  const next = header.getAttribute("aria-sort") === first ? other : first;
  for (const each of table.tHead.querySelectorAll("[aria-sort]")) each.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", next);
  const rows = [...table.tBodies[0].rows];
  rows.sort(compareRows(header.cellIndex, isNumber, next === "ascending" ? 1 : -1));
  table.tBodies[0].append(...rows);
}

function filterRows(tools) {
  const table = document.getElementById(tools.dataset.table);
  const text = tools.querySelector("input").value.trim().toLowerCase();
  const kind = tools.querySelector("select").value;
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    row.hidden = !row.textContent.toLowerCase().includes(text) || (kind !== "" && row.dataset.kind !== kind);
    shown += row.hidden ? 0 : 1;
  }
  tools.querySelector("output").textContent = `${shown} of ${table.tBodies[0].rows.length} rows`;
}

async function contentOf(element) {
  if (element.dataset.encoding !== "gzip+base64") return new Blob([element.textContent], { type: "application/json" });
  const bytes = Uint8Array.from(atob(element.textContent.trim()), (letter) => letter.charCodeAt(0));
  const opened = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(opened).blob();
}

async function download(button) {
  const element = document.getElementById(button.dataset.source);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await contentOf(element));
  link.download = button.dataset.name;
  link.click();
  URL.revokeObjectURL(link.href);
}

for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => sortBy(button.closest("th")));
for (const tools of document.querySelectorAll(".tools")) {
  for (const event of ["input", "change"]) tools.addEventListener(event, () => filterRows(tools));
}
for (const button of document.querySelectorAll(".download")) button.addEventListener("click", () => download(button));

// Paper cannot be unfolded.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")];
  for (const each of unfolded) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of unfolded) each.open = false;
});
