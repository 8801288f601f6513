// Tables of class "sortable": a click on a heading sorts by its column, the next click reverses.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const down = heading.ariaSort === "ascending";
      headings.forEach((other) => { other.ariaSort = "none"; });
      heading.ariaSort = down ? "descending" : "ascending";
      const order = new Intl.Collator(undefined, { numeric: true });
      const key = (row) => row.cells[column].textContent;
      const missing = (row) => key(row) === "–";  // sorted last in both directions
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        if (missing(a) || missing(b)) return missing(a) - missing(b);
        const found = column ? key(a) - key(b) : order.compare(key(a), key(b));
        return down ? -found : found;
      });
      table.tBodies[0].append(...rows);
    });
  });
}
