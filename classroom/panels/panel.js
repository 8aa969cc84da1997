// The controls of a panel. Source: WAI-ARIA Authoring Practices; native inputs, so that keys work as everywhere.

const slider = (control, id, changed) => {
  const words = (value) => `${value}${control.unit ? ` ${control.unit}` : ""}`;
  const input = make("input", {
    type: "range", id, min: control.low, max: control.high, step: control.step, "aria-describedby": `${id}-code`,
  });
  const shown = make("output", { for: id, class: "bop-value" });
  const set = (value) => {
    input.value = value;
    const share = (input.value - control.low) / (control.high - control.low);
    input.style.setProperty("--bop-share", `${share * 100}%`);
    shown.textContent = words(input.value);
    input.setAttribute("aria-valuetext", words(input.value));
  };
  input.addEventListener("input", () => { set(input.value); changed(); });
  const head = make("div", { class: "bop-name" }, make("label", { for: id, text: control.label }), shown);
  return { element: make("div", { class: "bop-control" }, head, input), set, get: () => Number(input.value) };
};

const choice = (control, id, changed) => {
  const inputs = control.options.map((option, number) =>
    make("input", { type: "radio", name: id, id: `${id}-${number}`, value: option }));
  const pills = inputs.map((input) => make("span", { class: "bop-pill" }, input, make("label", { for: input.id, text: input.value })));
  for (const input of inputs) input.addEventListener("change", changed);
  const group = make("div", { class: "bop-pills", role: "radiogroup", "aria-labelledby": `${id}-name`, "aria-describedby": `${id}-code` }, ...pills);
  const head = make("div", { class: "bop-name" }, make("span", { id: `${id}-name`, text: control.label }));
  return {
    element: make("div", { class: "bop-control" }, head, group),
    set: (value) => { for (const input of inputs) input.checked = input.value === String(value); },
    get: () => inputs.find((input) => input.checked)?.value ?? null,
  };
};

// What the learner says before looking: few answers are buttons, many a field for a number.
const prediction = (spec, id, changed) => {
  if (spec.high - spec.low <= 10) {
    const options = Array.from({ length: spec.high - spec.low + 1 }, (_, step) => String(spec.low + step));
    const made = choice({ label: spec.label, options }, id, changed);
    return { element: made.element, set: made.set, get: () => (made.get() === null ? null : Number(made.get())) };
  }
  const input = make("input", { type: "number", id, min: spec.low, max: spec.high, step: 1, class: "bop-number", placeholder: `${spec.low}–${spec.high}` });
  input.addEventListener("input", () => { if (input.reportValidity()) changed(); });
  const head = make("div", { class: "bop-name" }, make("label", { for: id, text: spec.label }));
  return {
    element: make("div", { class: "bop-control" }, head, make("div", {}, input, spec.unit ? ` ${spec.unit}` : "")),
    set: (value) => { input.value = value ?? ""; },
    get: () => (input.value === "" ? null : Number(input.value)),
  };
};

const build = (root, model) => {
  const spec = model.get("spec");
  const id = `bop-${model.get("token")}-${Math.random().toString(36).slice(2, 7)}`;
  const shown = result(root);
  const verdict = make("p", { class: "bop-verdict" });
  const call = make("code", { class: "bop-call" });
  const codes = {};
  const parts = {};
  let guess = null;
  let timer = 0;

  const judge = (found) => {
    verdict.textContent = found ? found.words : "";
    verdict.dataset.right = found && found.right !== null ? String(found.right) : "";
  };
  const write = (answer) => {
    for (const [name, line] of Object.entries(answer.lines ?? {})) codes[name].textContent = line;
    if (answer.call !== undefined) call.textContent = answer.call;
    if (answer.verdict !== undefined) judge(answer.verdict);
  };
  const ask = desk(model, (answer) => {
    for (const [name, value] of Object.entries(answer.values ?? {})) parts[name].set(value);
    if (guess && answer.values) guess.set(answer.prediction);
    shown.told(answer);
    write(answer);
  }, shown.waits);
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const values = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.get()]));
      ask({ values, ...(guess ? { prediction: guess.get() } : {}) });
    }, 30);
  };

  const rows = spec.controls.map((control, number) => {
    const own = `${id}-${number}`;
    const part = (control.kind === "slider" ? slider : choice)(control, own, changed);
    part.set(control.value);
    parts[control.name] = part;
    codes[control.name] = make("code", { class: "bop-code", id: `${own}-code` });
    return make("div", { class: "bop-row" }, part.element, codes[control.name]);
  });
  if (spec.prediction) {
    guess = prediction(spec.prediction, `${id}-guess`, changed);
    guess.set(spec.prediction.value);
  }
  const reset = make("button", { type: "button", class: "bop-reset", text: "Reset" });
  reset.addEventListener("click", () => {
    for (const control of spec.controls) parts[control.name].set(control.value);
    changed();
  });

  shown.still.hidden = true;
  root.querySelector(":scope > .bop-live")?.remove();
  shown.said.append(verdict);
  root.classList.add("bop-on");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", spec.title || "Panel");
  shown.still.after(make("div", { class: "bop-live" },
    make("div", { class: "bop-head" }, make("b", { text: spec.title }), shown.state, reset),
    guess && make("div", { class: "bop-row bop-guess" }, guess.element),
    make("div", { class: "bop-rows" }, ...rows),
    make("div", { class: "bop-line" }, call),
    shown.said));
  write(spec);
  shown.waits("");
};
