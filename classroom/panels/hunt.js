// A hunt: the evidence is hidden until the clock is started, and the clock stops at the right name.
// The page measures, since between a click and a busy kernel there may be seconds.

const TICK = 100; // ms between two looks at the clock

const build = (root, model) => {
  const spec = model.get("spec");
  const id = `bop-${model.get("token")}-${Math.random().toString(36).slice(2, 7)}`;
  const still = root.querySelector(":scope > .bop-still");
  const view = root.querySelector(":scope > .bop-view");
  const clock = make("output", { class: "bop-clock", "aria-hidden": "true", text: "0.0 s" });
  const state = make("span", { class: "bop-state", "aria-hidden": "true" });
  const sentence = make("p", { class: "bop-sentence", text: "The evidence is shown when you start the clock." });
  const said = make("div", { class: "bop-said", "aria-live": "polite", role: "status" }, sentence);
  const start = make("button", { type: "button", class: "bop-start", text: "Start the clock" });
  let began = null, timer = 0;

  const seconds = () => (performance.now() - began) / 1000;
  const tick = () => { clock.textContent = `${seconds().toFixed(1)} s`; };
  const stop = () => { clearInterval(timer); timer = 0; };

  const ask = desk(model, (answer) => {
    sentence.textContent = answer.sentence;
    root.toggleAttribute("data-bop-found", Boolean(answer.found));
    if (!answer.found) return;
    stop();
    for (const button of names) button.disabled = true;
    start.textContent = "Once more";
  }, (now) => { state.textContent = STATES[now]; });

  const names = spec.suspects.map((name) => {
    const button = make("button", { type: "button", class: "bop-suspect", text: name, disabled: true });
    button.addEventListener("click", () => ask({ guess: name, seconds: seconds() }));
    return button;
  });
  const suspects = make("div", { class: "bop-pills", role: "group", "aria-labelledby": `${id}-question` }, ...names);

  const find = make("input", { type: "search", id: `${id}-find`, class: "bop-find", placeholder: "payments", autocomplete: "off" });
  const count = make("span", { class: "bop-state", role: "status" });
  const paper = make("pre", { class: "bop-lines", tabindex: 0, "aria-label": "The lines of the log" });
  const filter = () => {
    const kept = spec.lines.filter((line) => line.toLowerCase().includes(find.value.toLowerCase()));
    paper.textContent = kept.join("\n");
    count.textContent = `${kept.length} of ${spec.lines.length} lines`;
  };
  find.addEventListener("input", filter);
  const grep = make("div", { class: "bop-grep", hidden: true },
    make("label", { for: `${id}-find`, text: "only lines with " }), find, count);

  start.addEventListener("click", () => {
    stop();
    began = performance.now();
    timer = setInterval(tick, TICK);
    for (const button of names) button.disabled = false;
    start.textContent = "Start again";
    if (spec.lines) {
      find.value = "";
      filter();
      grep.hidden = false;
      view.replaceChildren(paper);
    } else show(view, spec.html);
    ask({ start: true });
  });

  still.hidden = true;
  root.querySelector(":scope > .bop-live")?.remove();
  root.classList.add("bop-on");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", spec.title);
  view.replaceChildren();
  still.after(make("div", { class: "bop-live" },
    make("div", { class: "bop-head" }, make("b", { text: spec.title }), clock, state, start),
    make("p", { id: `${id}-question`, text: spec.question }), suspects, said, grep));
};
