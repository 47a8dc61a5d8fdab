"use strict";
const body = document.getElementById("failures").tBodies[0];
const rows = [...body.rows];
const texts = rows.map((row) => row.textContent.toLowerCase());
const tools = document.getElementById("tools");
const search = tools.querySelector("input");
const shown = tools.querySelector("output");

search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  rows.forEach((row, i) => {
    row.hidden = !words.every((word) => texts[i].includes(word));
    count += !row.hidden;
  });
  shown.textContent = words.length ? `${count} of ${rows.length} shown` : "";
});

const headers = [...document.querySelectorAll("#failures th")];
headers.forEach((header, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = header.textContent;
  header.replaceChildren(button);
  button.addEventListener("click", () => {
    const down = header.getAttribute("aria-sort") === "ascending";
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const order = new Intl.Collator(undefined, { numeric: true });
    const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
    const sorted = [...rows].sort((a, b) => order.compare(key(a), key(b)));
    body.append(...(down ? sorted.reverse() : sorted));
  });
});
tools.hidden = false;
