// Brings a still output to life: finds it, asks the kernel, shows what it answers.
// Idea      The page never holds more than one question open. What is asked meanwhile waits, and only
//           the newest of it is sent, so that a slider can be dragged as fast as one likes.
// Not here  The controls themselves: panel.js and explore.js, which define build(root, model, desk).

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child));
  return element;
};

// Markup with scripts in it (a replay) is played: scripts set by innerHTML would stay silent.
const show = (place, html) => {
  place.innerHTML = html;
  for (const old of place.querySelectorAll("script")) {
    const script = make("script", {});
    for (const { name, value } of old.attributes) script.setAttribute(name, value);
    script.textContent = old.textContent;
    old.replaceWith(script);
  }
};

const SLOW = 1500; // ms without an answer until the panel says why that may be

// One question at a time to the kernel. told(answer) gets what came back, waits(state) "", "making" or "slow".
const desk = (model, told, waits) => {
  const own = Math.random().toString(36).slice(2);
  let count = 0, open = null, next = null, slow = 0;
  const wait = () => {
    waits("making");
    clearTimeout(slow);
    slow = setTimeout(() => waits("slow"), SLOW);
  };
  const send = () => {
    open = `${own}-${++count}`;
    const question = next;
    next = null;
    if (!question.hello) wait();
    try {
      model.send({ ...question, ask: open });
    } catch { // the kernel that knew this model is gone: the panel says that it waits, and to run the cell again
      open = null;
    }
  };
  model.on("msg:custom", (message) => {
    if (!message || message.answer !== open || open === null) return;
    open = null;
    clearTimeout(slow);
    if (next) return send(); // a newer question: nobody waits for this answer any more
    waits("");
    if (message.sentence !== undefined) told(message); // else all is still as it was at first
  });
  const ask = (question) => {
    next = question;
    if (open === null) send();
    else wait();
  };
  ask({ hello: true }); // a page made anew is told where the kernel stands
  return ask;
};

const STATES = {
  "": "",
  making: "making this run …",
  slow: "waiting for the kernel. If it is busy, this goes on by itself; if it was restarted, run this cell again.",
};

// The place below the controls: a sentence that is read out when it changes, and a picture.
const result = (root) => {
  const still = root.querySelector(":scope > .bop-still");
  const view = root.querySelector(":scope > .bop-view");
  const sentence = make("p", { class: "bop-sentence", text: still.querySelector(".bop-sentence")?.textContent });
  const state = make("span", { class: "bop-state", "aria-hidden": "true" });
  const said = make("div", { class: "bop-said", "aria-live": "polite", "aria-atomic": "true", role: "status" }, sentence);
  return {
    still, view, said, state, sentence,
    waits: (now) => {
      root.dataset.bopState = now;
      state.textContent = STATES[now];
      view.setAttribute("aria-busy", String(now !== ""));
    },
    told: (answer) => {
      sentence.textContent = answer.sentence;
      root.toggleAttribute("data-bop-failed", Boolean(answer.failed));
      if (answer.html === undefined) return;
      view.style.minHeight = `${view.offsetHeight}px`; // what stands below must not jump
      show(view, answer.html);
      if (answer.failed) return;
      const settle = () => { view.style.minHeight = ""; };
      Promise.all([...view.querySelectorAll("img")].map((image) => image.decode().catch(() => {}))).then(settle);
    },
  };
};

// JupyterLab takes arrow keys, Enter and letters for its own in command mode, unless the very element that has
// the focus says no (an ancestor that says it is asked too late). Ctrl+S and Shift+Enter stay JupyterLab's.
const keysAreOurs = (mark) => (event) => {
  if (!(event.target instanceof Element) || !event.target.matches(`${mark} :is(input, button)`)) return;
  const theirs = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
  event.target.toggleAttribute("data-lm-suppress-shortcuts", !theirs);
};

// Wherever the output stands now, and wherever it will be drawn again (a second view, a page made anew).
const enliven = (model, build) => {
  const mark = `[data-bop-live="${model.get("token")}"]`;
  const born = performance.now();
  const look = () => {
    for (const root of document.querySelectorAll(mark)) {
      if (root.bopModel === model || root.bopBorn > born) continue; // the newest answers; a restart leaves old ones
      root.bopModel = model;
      root.bopBorn = born;
      build(root, model);
    }
  };
  look();
  const observer = new MutationObserver((changes) => {
    if (changes.some((change) => change.addedNodes.length)) look();
  });
  observer.observe(document.body, { childList: true, subtree: true });
  const keys = keysAreOurs(mark);
  window.addEventListener("keydown", keys, true); // before JupyterLab, which listens at the document
  return () => {
    observer.disconnect();
    window.removeEventListener("keydown", keys, true);
  };
};

export default { initialize: ({ model }) => enliven(model, build) };
