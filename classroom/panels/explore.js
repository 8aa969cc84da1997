// A grid of buttons over the cells of a drawing, one tab stop, arrow keys within.

// Where the cells of a drawing lie, in shares of its width and height: asked from the browser, which knows
// every transform, in a shadow tree, where the drawing's style touches nothing else.
const measure = (svg) => {
  const host = make("div", { style: "position:absolute;left:-9999px;top:0;width:1000px;visibility:hidden", "aria-hidden": "true" });
  document.body.append(host);
  const shadow = host.attachShadow({ mode: "open" });
  shadow.innerHTML = svg;
  const whole = shadow.querySelector("svg").getBoundingClientRect();
  const cells = [...shadow.querySelectorAll("[data-x][data-y]")].map((cell) => {
    const box = cell.getBoundingClientRect();
    return {
      x: cell.getAttribute("data-x"), y: cell.getAttribute("data-y"),
      label: cell.getAttribute("aria-label") ?? cell.querySelector("title")?.textContent ?? `${cell.getAttribute("data-x")}, ${cell.getAttribute("data-y")}`,
      left: (box.left - whole.left) / whole.width, top: (box.top - whole.top) / whole.height,
      width: box.width / whole.width, height: box.height / whole.height,
    };
  });
  host.remove();
  return cells;
};

// Rows from top to bottom, in each the cells from left to right.
const inRows = (cells) => {
  const rows = [];
  for (const cell of [...cells].sort((a, b) => a.top - b.top || a.left - b.left)) {
    const last = rows.at(-1);
    if (last && Math.abs(last[0].top - cell.top) < cell.height / 2) last.push(cell);
    else rows.push([cell]);
  }
  return rows.map((row) => row.sort((a, b) => a.left - b.left));
};

const build = (root, model) => {
  const spec = model.get("spec");
  const shown = result(root);
  const image = root.querySelector(":scope > .bop-map img");
  const frame = make("div", { class: "bop-frame" });
  frame.style.setProperty("--bop-least", image.style.getPropertyValue("--bop-least"));
  image.replaceWith(frame);
  const grid = make("div", { class: "bop-grid", role: "grid", "aria-label": `${spec.label}. Arrow keys move, Enter shows the run.` });
  frame.append(image, grid);

  const where = make("p", { class: "bop-where", text: "Click a cell, or walk there with the arrow keys and press Enter, to see its run." });
  const percent = (share) => `${(share * 100).toFixed(3)}%`;
  let chosen = null;
  const mark = (cell) => {
    if (chosen) chosen.button.setAttribute("aria-selected", "false");
    chosen = cell;
    cell.button.setAttribute("aria-selected", "true");
    where.textContent = cell.label;
  };

  const rows = inRows(measure(spec.svg));
  const rest = (cell) => { // the one cell that Tab comes to
    for (const button of grid.querySelectorAll("[tabindex='0']")) button.tabIndex = -1;
    cell.button.tabIndex = 0;
  };
  const walk = (event, row, column) => {
    const far = event.ctrlKey || event.metaKey;
    const steps = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      Home: [far ? 0 : row, 0], End: [far ? rows.length - 1 : row, Infinity],
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const to = rows[Math.max(0, Math.min(rows.length - 1, steps[event.key][0]))];
    const cell = to[Math.max(0, Math.min(to.length - 1, steps[event.key][1]))];
    rest(cell);
    cell.button.focus();
  };
  rows.forEach((row, number) => {
    const line = make("div", { role: "row" });
    row.forEach((cell, column) => {
      cell.button = make("button", {
        type: "button", role: "gridcell", "aria-label": cell.label, title: cell.label, tabindex: "-1", "aria-selected": "false",
        style: `left:${percent(cell.left)};top:${percent(cell.top)};width:${percent(cell.width)};height:${percent(cell.height)}`,
      });
      cell.button.addEventListener("click", () => { rest(cell); mark(cell); ask({ x: cell.x, y: cell.y }); });
      cell.button.addEventListener("keydown", (event) => walk(event, number, column));
      line.append(cell.button);
    });
    grid.append(line);
  });
  const at = (place) => rows.flat().find((cell) => place && cell.x === place[0] && cell.y === place[1]);
  rest(at(spec.start) ?? rows[0][0]);
  if (at(spec.start)) mark(at(spec.start));
  const ask = desk(model, (answer) => {
    if (answer.chosen) {
      rest(at(answer.chosen));
      mark(at(answer.chosen));
    }
    shown.told(answer);
  }, shown.waits);

  root.classList.add("bop-on");
  shown.still.hidden = true;
  root.querySelector(":scope > .bop-live")?.remove();
  shown.still.after(make("div", { class: "bop-live" }, make("div", { class: "bop-head" }, where, shown.state), shown.said));
  shown.waits("");
};
