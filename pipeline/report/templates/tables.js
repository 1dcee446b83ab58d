"use strict";
// Filters the rows of tables, and sorts them. Nothing here writes HTML.
(() => {
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  document.documentElement.classList.add("js");
  filters();
  sorting();

  function filters() {
    $$("input[data-filter]").forEach((input) => {
      const rows = $$("tbody tr", document.getElementById(input.dataset.filter));
      input.addEventListener("input", () => {
        const wanted = input.value.toLowerCase();
        rows.forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
      });
    });
  }

  function sorting() {
    const words = new Intl.Collator(undefined, { numeric: true });
    $$("table[data-sortable]").forEach((table) => {
      const heads = $$("thead th", table);
      heads.forEach((head, column) => {
        const text = (row) => row.cells[column].textContent;
        const number = (row) => Number(row.cells[column].dataset.value || -Infinity);
        const compare = head.classList.contains("n")
          ? (a, b) => Number(number(a) > number(b)) - Number(number(a) < number(b))
          : (a, b) => words.compare(text(a), text(b));
        const button = document.createElement("button");
        button.type = "button";
        button.append(...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => {
          const rows = [...table.tBodies[0].rows].sort(compare);
          const falling = head.getAttribute("aria-sort") === "ascending";
          heads.forEach((each) => each.removeAttribute("aria-sort"));
          head.setAttribute("aria-sort", falling ? "descending" : "ascending");
          table.tBodies[0].append(...(falling ? rows.reverse() : rows));
        });
      });
    });
  }
})();
