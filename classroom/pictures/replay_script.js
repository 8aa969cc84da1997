// The replay in motion. Runs once for each copy of the output; everything hangs on its own root.
//
// Idea      `pos` is the present in story time (seconds); all that is seen is a function of it.
//           Going forward applies the operations of the beats passed, going back starts anew.
// Not here  Drawing bodies (they are in the SVG), words, positions in time: computed in Python.
(() => {
  "use strict";
  const script = document.currentScript;
  const root = script ? script.closest(".bop-replay") : document.querySelector(".bop-replay:not([data-live])");
  if (!root || root.dataset.live) return;
  root.dataset.live = "1";

  const TRAVEL = 0.7, FALL = 0.8, PAGE = 400;
  const REPLY = 1, MESSAGE = 2, COMMIT = 3, ROUTINE = 4;
  const LOST = 1, REFUSED = 2, TOO_LATE = 3, AT_THE_DOOR = 4;
  const STATUS = ["absent", "up", "crashed", "paused", "ended"];
  const SVG = "http://www.w3.org/2000/svg";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // ---- small tools ----------------------------------------------------------------------

  const $ = (selector, from = root) => from.querySelector(selector);
  const $$ = (selector, from = root) => [...from.querySelectorAll(selector)];
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const svg = (tag, attributes = {}, ...children) => {
    const node = document.createElementNS(SVG, tag);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    node.append(...children);
    return node;
  };
  const html = (tag, class_, text = "") => {
    const node = document.createElement(tag);
    if (class_) node.className = class_;
    node.textContent = text;
    return node;
  };
  const seconds = (value) => {  // as in facts.py
    if (value < 0.0995) return `${(value * 1000).toFixed(0)} ms`;
    return `${+value.toFixed(value < 9.95 ? 2 : 1)} s`;
  };
  const setText = (node, text) => { if (node && node.textContent !== text) node.textContent = text; };

  async function read() {
    const node = $("script.r-data");
    if (!node.type.includes("deflate")) return JSON.parse(node.textContent);
    const packed = Uint8Array.from(atob(node.textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  read().then((data) => {
    const { place, kind, weight, ops } = data.beats;
    const sums = (differences, unit = 1) => { let sum = 0; return differences.map((by) => (sum += by) / unit); };
    const at = sums(data.beats.at, 1e4), pos = sums(data.beats.pos, 100), idle = data.beats.idle.map((v) => v / 100);
    const subject = sums(data.beats.subject);
    const count = at.length;
    if (!count) return;
    const say = (i) => data.beats.words[i];
    const about = (i) => data.subjects[subject[i]];
    const hot = new Set(data.hot);
    const last = data.length;

    // ---- what is on the way in each beat --------------------------------------------------

    const beatAt = (p) => {  // the last beat that has happened at story time p
      let low = 0, high = count - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (pos[middle] <= p + 1e-9) low = middle; else high = middle - 1;
      }
      return low;
    };
    const live = Array.from({ length: count }, () => []);
    const { takes, edge: edges, back: backs, shape: shapes, fate: fates, tells } = data.travels, parcels = sums(data.travels.subject);
    const travels = sums(data.travels.start).map((start, id) => {
      const end = takes[id] ? start + takes[id] : -1, fate = fates[id];
      const begins = pos[start];
      const meets = end < 0 ? begins + TRAVEL : Math.max(pos[end], begins + 0.05);
      const ends = meets + (fate === LOST || fate === REFUSED || fate === TOO_LATE ? FALL : 0);
      const travel = { id, start, begins, meets, ends, fate, edge: edges[id], back: backs[id], shape: shapes[id],
        tells: tells[id], subject: data.subjects[parcels[id]], bow: 0 };
      for (let i = start, until = beatAt(ends); i <= until; i++) live[i].push(travel);
      return travel;
    });
    travels.forEach((travel, id) => {  // two copies of one request: let the second one split off
      const before = travels[id - 1];
      if (before && before.start === travel.start && before.edge === travel.edge) travel.bow = 26;
    });

    // ---- the state of the stage: the same operations as in replay_story.py -----------------

    let state, done;
    const reset = () => {
      state = { status: {}, slots: new Map(), held: {}, marks: {}, commits: {}, cut: new Set(),
                metrics: data.metrics.map(() => [0, 0]) };
      done = -1;
    };
    const apply = ([letter, first, ...rest]) => {
      if (letter === "s") state.status[first] = rest;
      else if (letter === "m") {
        const [message, slot, holder = -1, since = 0, until = 0] = rest;
        const old = state.slots.get(message);
        state.slots.delete(message);
        const times = (old ? old.times : 0) + (slot === 2 ? 1 : 0);
        if (slot) state.slots.set(message, { queue: first, slot, holder, since, until, times });
      } else if (letter === "h") {
        const held = state.held[first] = state.held[first] || [];
        if (rest[1] < 0) held.length = 0;
        else if (rest[1]) held.push(rest[0]);
        else if (held.includes(rest[0])) held.splice(held.indexOf(rest[0]), 1);
      } else if (letter === "k") (state.marks[first] = state.marks[first] || []).push(rest);
      else if (letter === "d") state.commits[`${first} ${rest[0]}`] = (state.commits[`${first} ${rest[0]}`] || 0) + 1;
      else if (letter === "c") state.cut[rest[0] ? "add" : "delete"](first);
      else if (letter === "x") {
        const metric = state.metrics[first];
        metric[1] = metric[0];
        metric[0] += rest[0];
      }
    };
    const bring = (beat) => {
      if (beat < done) reset();
      while (done < beat) (ops[++done] || []).forEach(apply);
    };
    // every metric at every beat, for the small curves
    const series = data.metrics.map(() => [0]);
    reset();
    for (let i = 0; i < count; i++) {
      (ops[i] || []).forEach(apply);
      series.forEach((values, m) => { values[i] = state.metrics[m][0]; });
    }
    reset();

    // ---- the stage: two layouts of one cast; only the one that fits is kept up to date ------

    const box = $(".r-stage");
    const wideSource = new TextDecoder().decode(
      Uint8Array.from(atob($("img", box).src.split(",")[1]), (c) => c.charCodeAt(0)));
    box.innerHTML = wideSource;
    const tall = $("svg", box).cloneNode(true);  // the same bodies, put elsewhere
    const move = (node, x, y) => node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    const bezier = (c, s) => {
      const r = 1 - s, a = r * r * r, b = 3 * r * r * s, d = 3 * r * s * s, e = s * s * s;
      return [a * c[0] + b * c[2] + d * c[4] + e * c[6], a * c[1] + b * c[3] + d * c[5] + e * c[7]];
    };
    const [width, height] = data.tall.size;
    $("style", tall).remove();
    for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) tall.setAttribute(key, value);
    for (const [key, value] of Object.entries({ width, height })) $(".paper", tall).setAttribute(key, value);
    $$("[data-p]", tall).forEach((node, i) => move(node, ...data.tall.spots[i]));
    $$("[data-e]", tall).forEach((node, i) => {
      const c = data.tall.curves[i];
      node.dataset.curve = c.join(" ");
      $(".wire", node).setAttribute("d", `M${c[0]} ${c[1]}C${c.slice(2).join(" ")}`);
      move($(".cut-mark", node), ...bezier(c, 0.5));
    });
    move($(".key", tall), 0, height - 16);
    box.append(tall);
    const views = $$("svg", box).map((node, index) => {
      $$(".moment", node).forEach((text) => text.remove());
      return {
        node, tall: index === 1,
        clock: $(".clock", node), moving: $(".moving", node), movers: new Map(), drawn: -1,
        places: $$("[data-p]", node), edges: $$("[data-e]", node), queues: $$("[data-q]", node),
        curves: $$("[data-e]", node).map((edge) => edge.dataset.curve.split(" ").map(Number)),
      };
    });
    views.forEach((view) => view.places.forEach((node, index) => {
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "img");
      node.setAttribute("aria-label", data.names[index]);
    }));
    let view = views[0];

    const tokens = new WeakMap();  // group -> Map(key -> node), so that a token glides to its new slot
    const keep = (group, wanted) => {
      if (!tokens.has(group)) { group.replaceChildren(); tokens.set(group, new Map()); }
      const known = tokens.get(group);
      for (const [key, node] of known) if (!wanted.has(key)) { node.remove(); known.delete(key); }
      for (const [key, { x, y, make, update }] of wanted) {
        let node = known.get(key);
        if (!node) { node = make(); group.append(node); known.set(key, node); }
        node.style.transform = `translate(${x}px,${y}px)`;
        if (update) update(node);
      }
    };
    const short = (name) => name.split(" ").pop().slice(0, 4);
    const token = (text, tip) => {
      const node = svg("g", { class: `token${hot.has(text) ? " hot" : ""}`, "data-tip": tip || text },
        svg("rect", { width: 26, height: 20, rx: 4 }),
        svg("text", { x: 13, y: 14.5, "text-anchor": "middle" }, short(text)));
      return node;
    };
    const messageToken = (m) => token(data.messages[m][0], data.messages[m].filter(Boolean).join("\n"));

    function drawQueue(node, q, now) {
      const [columns, rows, top] = node.dataset.grid.split(" ").map(Number);
      const ready = [], flying = [];
      for (const [m, slot] of state.slots) if (slot.queue === q) (slot.slot === 2 ? flying : ready).push([m, slot]);
      const wanted = new Map();
      ready.slice(0, columns * rows).forEach(([m, slot], i) => wanted.set(`r${m}`, {
        x: 10 + (i % columns) * 29, y: top + Math.floor(i / columns) * 23,
        make: () => messageToken(m), update: (one) => one.classList.toggle("later", slot.slot === 3),
      }));
      flying.slice(0, 3).forEach(([m, slot], i) => wanted.set(`f${m}/${slot.since}`, {
        x: 132, y: top + i * 23,
        make: () => {
          const one = messageToken(m);
          one.append(svg("text", { class: "holder", x: 32, y: 12 }, (data.names[slot.holder] || "").slice(0, 13)),
            svg("rect", { class: "lease-of", x: 32, y: 16, width: 86, height: 3 }),
            svg("rect", { class: "lease", x: 32, y: 16, width: 86, height: 3 }));
          return one;
        },
        update: (one) => {
          const left = clamp((slot.until - now) / (slot.until - slot.since || 1), 0, 1);
          one.lastChild.setAttribute("width", (86 * left).toFixed(1));
          one.dataset.tip = `${data.messages[m].filter(Boolean).join("\n")}\nin flight: ${data.names[slot.holder]} holds it; `
            + `the lease ends in ${seconds(Math.max(0, slot.until - now))}`;
        },
      }));
      keep($(".tokens", node), wanted);
      setText($(".ready-count", node), rows === 1 ? `${ready.length} waiting` : `ready ${ready.length}`);
      setText($(".flight-count", node), `in flight ${flying.length}`);
      setText($(".more", node), ready.length > columns * rows ? `+${ready.length - columns * rows}` : " ");
    }

    function drawPlace(node, index, now) {
      const isDrum = node.classList.contains("database");
      const [status = 0, since = 0, lasts = 0] = isDrum ? [1] : state.status[index] || [];
      STATUS.forEach((name, i) => node.classList.toggle(name, i === status));
      const left = Math.max(0, since + lasts - now);
      if (!isDrum) setText(node.querySelector(":scope > .state"),
        status === 2 ? "crashed" + (lasts ? `, back in ${seconds(left)}` : "")
          : status === 3 ? (lasts ? `stands still, ${seconds(left)} to go` : "stands still")
          : status === 0 ? "not started" : status === 4 ? "ended" : "");
      const held = $(":scope > .held", node);
      if (held) {
        const inHand = (state.held[index] || []).slice(-3), width = +node.dataset.size.split(" ")[0];
        keep(held, new Map(inHand.map((m, i) => [m, {
          x: width / 2 - inHand.length * 15 + 2 + 30 * i, y: 0, make: () => messageToken(m),
        }])));
      }
      const marks = $(":scope > .marks", node);
      if (marks) {
        const all = state.marks[index] || [], from = Math.max(0, all.length - 8);
        keep($(".chips", marks), new Map(all.slice(from).map(([text, bad], i) => [`${from + i}`, {
          x: (i % 4) * 32, y: Math.floor(i / 4) * 23,
          make: () => svg("g", { class: bad ? "mark bad" : "mark" }, svg("rect", { width: 28, height: 19, rx: 9.5 }),
            svg("text", { x: 14, y: 13.5, "text-anchor": "middle" }, text)),
        }])));
        setText($(".mark-count", marks), all.length ? `${all.length} in all` : " ");
      }
      if (isDrum) setText($(".count", node), `${state.commits[`${index} 0`] || 0} commits`);
      else $$(":scope > .store", node).forEach((store) =>
        setText($(".count", store), String(state.commits[`${index} ${store.dataset.d}`] || 0)));
      node.dataset.tip = [data.names[index], ["not started", "running", "crashed", "standing still", "ended"][status],
        ...(state.held[index] || []).map((m) => `works on ${data.messages[m][0]}`)].join("\n");
    }

    // ---- what travels ---------------------------------------------------------------------

    function makeMover(travel) {
      const [a, b] = data.edges[travel.edge];
      const look = data.looks[travel.back ? b : a];
      const subjectOf = travel.subject;
      const node = svg("g", {
        class: `mover${hot.has(subjectOf) ? " hot" : ""}${[LOST, REFUSED].includes(travel.fate) ? " fails" : ""}`,
        style: `--c:var(--bop-${look});--f:var(--bop-${look}-fill)`,
        tabindex: "0", role: "img", "data-tip": travel.tells, "aria-label": travel.tells,
      });
      if (travel.shape === MESSAGE) {
        const one = token(subjectOf);
        one.setAttribute("transform", "translate(-13 -10)");
        delete one.dataset.tip;
        node.append(one);
      } else if (travel.shape === ROUTINE) node.append(svg("circle", { r: 3.5, class: "dot" }));
      else if (travel.shape === COMMIT) node.append(svg("rect", { x: -5, y: -5, width: 10, height: 10, class: "block" }));
      else {
        node.append(travel.shape === REPLY ? svg("circle", { r: 6.5, class: "ring" })
          : svg("path", { d: "M-8 -7L9 0L-8 7L-4 0Z", class: "dart" }),
          svg("text", { y: -12, "text-anchor": "middle", class: "tag" }, short(subjectOf)));
      }
      node.prepend(svg("circle", { r: 16, class: "hit" }));
      return node;
    }
    function placeMover(node, travel, p) {
      const curve = view.curves[travel.edge];
      const whole = travel.fate === AT_THE_DOOR ? TRAVEL : travel.meets - travel.begins;
      let share = clamp((p - travel.begins) / whole, 0, 1), drop = 0, fade = 1, turn = 0;
      share = share * share * (3 - 2 * share);
      const after = clamp((p - travel.meets) / FALL, 0, 1);
      if (travel.fate === LOST) { share *= 0.55; drop = 90 * after * after; fade = 1 - after; turn = 140 * after; }
      if (travel.fate === REFUSED) { share -= 0.3 * after; fade = 1 - after; }
      if (travel.fate === TOO_LATE) fade = 1 - after;
      const way = travel.back ? 1 - share : share;
      const [x, y] = bezier(curve, way);
      const near = clamp(way + (travel.back ? -0.02 : 0.02), 0, 1), far = clamp(way + (travel.back ? 0.02 : -0.02), 0, 1);
      const [nx, ny] = bezier(curve, near), [fx, fy] = bezier(curve, far);
      const angle = Math.atan2(ny - fy, nx - fx);
      const bow = travel.bow * Math.sin(Math.PI * share);
      node.setAttribute("transform", `translate(${(x - Math.sin(angle) * bow).toFixed(1)} `
        + `${(y + Math.cos(angle) * bow + drop).toFixed(1)})`);
      node.setAttribute("opacity", fade.toFixed(2));
      const dart = $(".dart", node);
      if (dart) dart.setAttribute("transform", `rotate(${(angle * 180 / Math.PI + turn).toFixed(0)})`);
    }
    function drawMovers(beat, p) {
      const wanted = live[beat].filter((travel) => p >= travel.begins && p < travel.ends);
      const shown = wanted.length > 60 ? wanted.slice(-60) : wanted;
      const ids = new Set(shown.map((travel) => travel.id));
      if (!view.movers.size && view.moving.firstChild) view.moving.replaceChildren();
      for (const [id, node] of view.movers) if (!ids.has(id)) { node.remove(); view.movers.delete(id); }
      for (const travel of shown) {
        let node = view.movers.get(travel.id);
        if (!node) { node = makeMover(travel); view.movers.set(travel.id, node); view.moving.append(node); }
        placeMover(node, travel, p);
      }
    }

    // ---- controls ---------------------------------------------------------------------------

    const live_ = $(".r-live");
    live_.innerHTML = `
      <div class="r-moment"><span class="r-gap"></span><p class="r-words" aria-live="polite"></p></div>
      <div class="r-bar">
        <button type="button" class="r-play" title="play or pause (space)"></button>
        <button type="button" class="r-back" title="step back (left arrow)" aria-label="step back"><svg viewBox="0 0 20 20"><path d="M12 4L6 10l6 6M4 4v12"/></svg></button>
        <button type="button" class="r-next" title="step (right arrow)" aria-label="step forward"><svg viewBox="0 0 20 20"><path d="M8 4l6 6-6 6M16 4v12"/></svg></button>
        <label><span>step to </span><select class="r-kind" aria-label="step to"></select></label>
        <label><span>speed </span><select class="r-speed" aria-label="speed"><option value=".5">½×</option><option value="1" selected>1×</option><option value="2">2×</option><option value="4">4×</option><option value="8">8×</option><option value="16">16×</option></select></label>
      </div>
      <div class="r-all" hidden><svg preserveAspectRatio="none" viewBox="0 0 1000 26"></svg></div>
      <div class="r-scrub" role="slider" tabindex="0" aria-label="moment of the run"><svg preserveAspectRatio="none" viewBox="0 0 1000 40"></svg><div class="r-head"></div></div>
      <div class="r-metrics"></div>`;
    live_.hidden = false;
    const side = $(".r-side"), scrub = $(".r-scrub"), head = $(".r-head"), gap = $(".r-gap");
    const sentence = $(".r-words"), playButton = $(".r-play"), chooser = $(".r-kind"), overview = $(".r-all");
    const add = (value, text, group) => group.append(Object.assign(html("option", "", text), { value }));
    add("*", "the next event", chooser);
    if (weight.includes(2)) add("2", "the next turning point", chooser);
    const kinds = html("optgroup"), subjects = html("optgroup");
    kinds.label = "a kind of event";
    subjects.label = "all about";
    data.kinds.forEach((name, k) => add(`k${k}`, name.replaceAll("_", " "), kinds));
    const followed = data.hot.length ? data.hot : [...new Set(subject.map((s) => data.subjects[s]))].filter(Boolean).slice(0, 12);
    followed.forEach((name) => add(`s${name}`, name, subjects));
    chooser.append(subjects, kinds);
    const chosen = (i) => {
      const value = chooser.value;
      if (value === "*") return true;
      if (value === "2") return weight[i] === 2;
      return value[0] === "k" ? kind[i] === +value.slice(1) : about(i) === value.slice(1);
    };

    // ---- pages: never more than PAGE events on the bar and in the table ------------------------

    let page = -1, first = 0, end = count;
    const pages = Math.ceil(count / PAGE);
    const start = () => (first ? pos[first] : 0), stop = () => (end < count ? pos[end] : last);
    const across = (p) => clamp((p - start()) / (stop() - start() || 1), 0, 1);
    const table = html("table"), body = table.appendChild(html("tbody"));
    const tableFrame = $(".r-table");  // it scrolls, so the keyboard must come to it
    tableFrame.replaceChildren(table);
    for (const [name, value] of Object.entries({ tabindex: 0, role: "region", "aria-label": "all events, one a row" })) tableFrame.setAttribute(name, value);
    function turnTo(number) {
      page = number;
      first = page * PAGE;
      end = Math.min(first + PAGE, count);
      const picture = $("svg", scrub);
      picture.replaceChildren(svg("path", { class: "r-line", d: "M0 24H1000" }));
      for (const [from, to, what, text] of data.bands) {
        const x = 1000 * across(pos[from]), wide = 1000 * across(to < 0 ? last : pos[to]) - x;
        if (wide > 0) picture.append(svg("rect", { class: `r-band r-${what}`, x, y: 12, width: Math.max(wide, 4), height: 24 },
          svg("title", {}, text)));
      }
      [0, 1, 2].forEach((w) => {
        let d = "";
        for (let i = first; i < end; i++) if (weight[i] === w) d += `M${(1000 * across(pos[i])).toFixed(1)} ${[20, 16, 6][w]}V${[28, 32, 36][w]}`;
        picture.append(svg("path", { class: `r-tick r-w${w}`, d: d || "M0 0" }));
      });
      body.replaceChildren(...Array.from({ length: end - first }, (_, n) => {
        const i = first + n, row = html("tr", `r-row${weight[i]}`);
        row.dataset.i = i;
        const who = html("td", "r-who");
        const sign = html("i");
        sign.style.background = `var(--bop-${data.looks[place[i]] || "black"})`;
        who.append(sign, data.names[place[i]] || "world");
        row.append(html("td", "r-t", at[i].toFixed(3)), who, html("td", "", say(i)));
        return row;
      }));
      dim();
      lit = null;
      $$(".r-window", overview).forEach((node) => {
        node.setAttribute("x", 1000 * start() / last);
        node.setAttribute("width", Math.max(1000 * (stop() - start()) / last, 3));
      });
    }
    const dim = () => $$("tr", body).forEach((row) => row.classList.toggle("r-dim", !chosen(+row.dataset.i)));
    let lit = null;
    if (pages > 1) {  // the whole run in small: how much happens when, and where it goes wrong
      overview.hidden = false;
      const bins = new Array(250).fill(0), bad = new Set();
      pos.forEach((p, i) => {
        const bin = Math.min(249, Math.floor(250 * p / last));
        bins[bin] += weight[i] ? 1 : 0.3;
        if (weight[i] === 2) bad.add(bin);
      });
      const top = Math.max(...bins);
      const bars = (want) => bins.map((n, b) => (want(b) && n ? `M${b * 4} 26V${(26 - 24 * n / top).toFixed(1)}h3V26Z` : "")).join("");
      $("svg", overview).append(svg("path", { class: "r-bars", d: bars((b) => !bad.has(b)) || "M0 0" }),
        svg("path", { class: "r-bars r-bad", d: bars((b) => bad.has(b)) || "M0 0" }),
        svg("rect", { class: "r-window", y: 0, height: 26, x: 0, width: 10 }));
      overview.addEventListener("pointerdown", (event) => {
        const edge = overview.getBoundingClientRect();
        go(last * clamp((event.clientX - edge.left) / edge.width, 0, 1));
      });
    }

    // ---- the dashboard ----------------------------------------------------------------------

    const dials = data.metrics.map((name, m) => {
      const tile = html("div", "r-dial"), values = series[m];
      const low = Math.min(0, ...values), high = Math.max(1, ...values);
      let d = "", before = null;
      for (let i = 0; i < count; i++) {
        if (values[i] === before) continue;
        const x = (100 * pos[i] / last).toFixed(1), y = (20 - 18 * (values[i] - low) / (high - low)).toFixed(1);
        d += d ? `H${x}V${y}` : `M0 ${y}`;
        before = values[i];
      }
      const curve = svg("svg", { viewBox: "0 0 100 22", preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("path", { d: `${d}H100`, class: "r-curve" }), svg("path", { d: "M0 0V22", class: "r-here" }));
      const now = html("b"), was = html("small");
      tile.append(html("span", "", name), now, was, curve);
      return { tile, now, was, here: curve.lastChild, values };
    });
    $(".r-metrics").append(...dials.map((dial) => dial.tile));

    // ---- one picture ------------------------------------------------------------------------

    let p = pos[data.still] + 0.001, playing = false, target = null, speed = 1, frame = 0, before = 0, spoken = -1;
    const clockAt = (beat, q) => {  // virtual time: stands while a beat is read, runs before the next
      const next = beat + 1;
      if (next >= count || !idle[next]) return at[beat];
      const from = pos[next] - idle[next];
      return q <= from ? at[beat] : at[beat] + (at[next] - at[beat]) * clamp((q - from) / idle[next], 0, 1);
    };
    let drawn = {};
    function render() {
      const beat = beatAt(p), now = clockAt(beat, p);
      if (beat === drawn.beat && now === drawn.now && playing) {  // only what travels has moved
        drawMovers(beat, p);
        head.style.left = `${100 * across(p)}%`;
        return speak(beat);
      }
      drawn = { beat, now };
      bring(beat);
      view = views[box.clientWidth && box.clientWidth < 620 ? 1 : 0];
      views.forEach((one) => { one.node.style.display = one === view ? "" : "none"; });
      setText(view.clock, `t = ${now.toFixed(3)} s`);
      view.places.forEach((node, index) => {
        drawPlace(node, index, now);
        node.classList.toggle("now", index === place[beat]);
        node.classList.toggle("alarm", index === place[beat] && weight[beat] === 2);
      });
      view.edges.forEach((node, index) => node.classList.toggle("cut", state.cut.has(index)));
      view.queues.forEach((node) => drawQueue(node, +node.dataset.q, now));
      drawMovers(beat, p);
      const wanted = Math.floor(beat / PAGE);
      if (wanted !== page) turnTo(wanted);
      head.style.left = `${100 * across(p)}%`;
      const leap = beat + 1 < count && at[beat + 1] - at[beat] >= 1 && p > pos[beat + 1] - idle[beat + 1] && p < pos[beat + 1];
      setText(gap, leap ? `▸▸ ${seconds(at[beat + 1] - at[beat])} pass` : "");
      speak(beat);
      dials.forEach(({ tile, now: big, was, here, values }, m) => {
        const value = values[beat];
        let i = beat;
        while (i > 0 && values[i - 1] === value) i--;
        const old = i > 0 ? values[i - 1] : value;
        setText(big, String(value));
        setText(was, old === value ? " " : `was ${old} ${value > old ? "▲" : "▼"}`);
        tile.classList.toggle("r-moved", i === beat && old !== value);
        here.setAttribute("d", `M${(100 * p / last).toFixed(1)} 0V22`);
      });
    }
    // While it plays, a routine hop does not push a sentence away before it can be read.
    function speak(beat) {
      let told = beat;
      if (playing) while (told > 0 && weight[told] === 0 && p - pos[told] < 5 && told > spoken) told--;
      if (playing && told < spoken && spoken <= beat) told = spoken;
      if (told !== spoken || !sentence.textContent) {
        spoken = told;
        sentence.textContent = `t = ${at[told].toFixed(3)} s: ${say(told)}`;
        sentence.classList.toggle("r-alarm", weight[told] === 2);
        scrub.setAttribute("aria-valuetext", sentence.textContent);
      }
      scrub.setAttribute("aria-valuemin", 0);
      scrub.setAttribute("aria-valuemax", count - 1);
      scrub.setAttribute("aria-valuenow", beat);
      const row = body.rows[beat - first];
      if (row && row !== lit) {
        if (lit) { lit.classList.remove("r-lit"); lit.removeAttribute("aria-current"); }
        lit = row;
        row.classList.add("r-lit");
        row.setAttribute("aria-current", "step");
        // it scrolls itself alone, never the notebook
        const above = row.offsetTop - tableFrame.scrollTop, tall = tableFrame.clientHeight;
        if (above < 40 || above > tall - 60) tableFrame.scrollTop = row.offsetTop - tall / 2;
      }
    }

    // ---- time ---------------------------------------------------------------------------------

    const ICONS = { play: "M5 3l12 7-12 7z", pause: "M4 3h4v14H4zM12 3h4v14h-4z" };
    function showPlaying() {
      playButton.innerHTML = `<svg viewBox="0 0 20 20"><path class="r-solid" d="${playing ? ICONS.pause : ICONS.play}"/></svg>`
        + `<span>${calm.matches ? "next" : playing ? "pause" : "play"}</span>`;
      playButton.setAttribute("aria-label", playing ? "pause" : "play");
      sentence.setAttribute("aria-live", playing ? "off" : "polite");
    }
    function tick(clock) {
      frame = 0;
      if (!playing || !root.isConnected) { playing = false; return; }
      // a hidden tab or a slow frame must not make the story jump
      const passed = Math.min((clock - before) / 1000, 0.1);
      before = clock;
      p = Math.min(p + passed * speed, target === null ? last : target);
      render();
      if (p >= (target === null ? last : target)) { target = null; playing = false; showPlaying(); speak(beatAt(p)); return; }
      frame = requestAnimationFrame(tick);
    }
    function run() {
      playing = true;
      before = performance.now();
      spoken = -1;
      showPlaying();
      if (!frame) frame = requestAnimationFrame(tick);
    }
    function halt() {
      playing = false;
      target = null;
      if (frame) cancelAnimationFrame(frame);
      frame = 0;
      spoken = -1;
      showPlaying();
      render();
    }
    const go = (where) => { p = clamp(where, 0, last); halt(); };
    const toBeat = (beat) => go(pos[clamp(beat, 0, count - 1)] + 0.001);
    function toggle() {
      if (calm.matches) return step(1);  // reduced motion: stepping only
      if (playing) return halt();
      if (p >= last - 0.01) p = 0;
      target = null;
      run();
    }
    function step(direction) {
      let beat = beatAt(target !== null && playing ? target : p) + direction;
      while (beat > 0 && beat < count - 1 && !chosen(beat)) beat += direction;
      beat = clamp(beat, 0, count - 1);
      const there = pos[beat] + 0.001;
      // a short way forward is walked, so that one sees what moves; a long one is jumped
      if (direction > 0 && !calm.matches && there - p < 3 && there > p) { target = there; run(); } else toBeat(beat);
    }

    // ---- hands --------------------------------------------------------------------------------

    playButton.addEventListener("click", toggle);
    $(".r-back").addEventListener("click", () => step(-1));
    $(".r-next").addEventListener("click", () => step(1));
    $(".r-speed").addEventListener("change", (event) => { speed = +event.target.value; });
    chooser.addEventListener("change", dim);
    const scrubTo = (event) => {
      const edge = scrub.getBoundingClientRect();
      go(start() + (stop() - start() - 0.002) * clamp((event.clientX - edge.left) / edge.width, 0, 1));
    };
    scrub.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      scrub.focus({ preventScroll: true, focusVisible: false });
      scrub.setPointerCapture(event.pointerId);
      scrubTo(event);
    });
    scrub.addEventListener("pointermove", (event) => { if (scrub.hasPointerCapture(event.pointerId)) scrubTo(event); });
    body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) { toBeat(+row.dataset.i); root.focus({ preventScroll: true, focusVisible: false }); }
    });
    root.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("select")) return;
      const keys = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), Home: () => toBeat(0), End: () => go(last), " ": toggle };
      if (!keys[event.key] || (event.key === " " && event.target.closest("button,summary"))) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key !== " " || !event.repeat) keys[event.key]();
    });
    const tip = $(".r-tip");
    const showTip = (event) => {
      const node = event.target.closest("[data-tip]");
      if (!node || !box.contains(node) || !node.dataset.tip) { tip.hidden = true; return; }
      tip.textContent = node.dataset.tip;
      tip.hidden = false;
      const here = node.getBoundingClientRect(), frame_ = root.getBoundingClientRect();
      tip.style.left = `${clamp(here.left - frame_.left, 4, Math.max(4, frame_.width - tip.offsetWidth - 8))}px`;
      tip.style.top = `${here.bottom - frame_.top + 6}px`;
    };
    box.addEventListener("pointerover", showTip);
    box.addEventListener("focusin", showTip);
    box.addEventListener("pointerleave", () => { tip.hidden = true; });
    box.addEventListener("focusout", () => { tip.hidden = true; });
    box.addEventListener("click", () => root.focus({ preventScroll: true, focusVisible: false }));
    if (window.ResizeObserver) new ResizeObserver(() => { if (root.isConnected && !playing) render(); }).observe(box);

    setText($(".r-summary", side), `all ${count} events`);
    root.classList.add("r-on");
    showPlaying();
    render();
    root.dataset.live = "ready";
  });
})();
