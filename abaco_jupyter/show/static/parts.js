// What all views are made of. A view is `build(root, send)`, which returns `draw(state)` and, if it
// wants them, `tick(state)` (each second), `hear(message)` and `leave()`.

const SVG = "http://www.w3.org/2000/svg";

function h(name, facts = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.map((one) => `abaco-${one}`).join(" ");
  for (const [key, value] of Object.entries(facts)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

function put(node, text) {
  const shown = text == null ? "" : String(text);
  if (node.textContent !== shown) node.textContent = shown;
}

function mark(node, name, value) {
  if (value == null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function hide(node, whether) {
  if (node.hidden !== whether) node.hidden = whether;
}

// ---- numbers -------------------------------------------------------------------------------

function seconds(value) {
  if (value == null) return "";
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (value < 99.5) return `${Math.round(value)} s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(value % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function number(value) {
  return value == null ? "" : Number(value).toLocaleString("en-US");
}

function rate(value) {
  if (!value) return "0/s";
  return value < 10 ? `${value.toFixed(1)}/s` : `${number(Math.round(value))}/s`;
}

function clock(text) {
  const at = new Date(text);
  return isNaN(at) ? "" : at.toLocaleTimeString([], { hour12: false });
}

function plural(count, word) {
  return `${number(count)} ${word}${count === 1 ? "" : "s"}`;
}

// ---- pictures ------------------------------------------------------------------------------

// A line over an area; one picture that is changed and never made anew.
function sparkline(label, width = 120, height = 24) {
  const svg = document.createElementNS(SVG, "svg");
  const parts = ["area", "line"].map((name) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", `abaco-spark-${name}`);
    svg.append(path);
    return path;
  });
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "abaco-spark");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.style.width = `${width}px`;
  svg.style.height = `${height}px`;
  return {
    node: svg,
    draw(values, most = 0) {
      const top = Math.max(1, most, ...values);
      const step = width / Math.max(1, values.length - 1);
      const y = (value) => (height - 1.5 - (value / top) * (height - 3)).toFixed(1);
      const points = values.map((value, i) => `${(i * step).toFixed(1)},${y(value)}`);
      const line = points.length ? `M${points.join("L")}` : "";
      parts[1].setAttribute("d", line);
      parts[0].setAttribute("d", line && `${line}L${width},${height}L0,${height}Z`);
      const last = values.length ? values[values.length - 1] : 0;
      mark(svg, "aria-label", `${label}: now ${last}, at most ${Math.max(0, ...values)}`);
    },
  };
}

const KINDS = {
  READY: "good", COMPLETE: "good", RUNNING: "busy", BUSY: "busy", SUBMITTED: "waits",
  ERROR: "bad", FAILED: "bad", SHUTTING_DOWN: "waits",
};

// A dot and a word: the colour is never the only thing that says it.
function badge() {
  const dot = h("span.dot", { "aria-hidden": "true" });
  const word = h("span");
  return {
    node: h("span.badge", {}, dot, word),
    draw(status, failed, text) {
      mark(dot, "data-kind", failed ? "bad" : KINDS[status] ?? "waits");
      put(word, text ?? status);
    },
  };
}

function fact(name, value) {
  if (value == null || value === "") return [];
  return [h("span.fact", { role: "listitem" }, h("span.faint", {}, name), " ", h("span", {}, value))];
}

// A big number with its name, and a line that shows how it went.
function figure(name, kind) {
  const value = h("span.big");
  const spark = sparkline(name, 150, 26);
  const node = h("div.figure", { "data-kind": kind },
    h("span.faint", {}, name), h("div.figurerow", {}, value, spark.node));
  return {
    node,
    draw(text, values) { put(value, text); spark.draw(values ?? []); hide(spark.node, !values); },
  };
}

// ---- buttons -------------------------------------------------------------------------------

function button(text, act, facts = {}) {
  return h("button.button", { type: "button", onclick: act, ...facts }, text);
}

// A button that asks once more, in its place, before it does what cannot be undone.
function guarded(text, question, act) {
  const first = button(text, () => turn(true));
  const yes = button(text, () => { turn(false); act(); }, { "data-kind": "bad" });
  const no = button("Keep", () => turn(false));
  const asked = h("span.asked", { role: "alertdialog", "aria-label": question },
    h("span", {}, question), yes, no);
  asked.hidden = true;
  asked.addEventListener("keydown", (event) => { if (event.key === "Escape") turn(false); });
  function turn(asking) {
    hide(asked, !asking);
    hide(first, asking);
    (asking ? no : first).focus();
  }
  const node = h("span.guarded", {}, first, asked);
  return { node, first };
}

// ---- long lists ----------------------------------------------------------------------------

// Only the rows on the screen are in the page. `row(index)` makes one.
function windowed(box, height, row) {
  const inner = h("div.rows");
  box.append(inner);
  let count = 0;
  let seen = "";
  function draw(anew) {
    const first = Math.max(0, Math.floor(box.scrollTop / height) - 6);
    const last = Math.min(count, first + Math.ceil((box.clientHeight || 400) / height) + 12);
    const now = `${first} ${last} ${count}`;
    if (!anew && now === seen) return;
    seen = now;
    inner.style.height = `${count * height}px`;
    const made = [];
    for (let i = first; i < last; i++) {
      const node = row(i);
      node.style.top = `${i * height}px`;
      node.style.height = `${height}px`;
      made.push(node);
    }
    inner.replaceChildren(...made);
  }
  box.addEventListener("scroll", () => draw(false), { passive: true });
  const watch = new ResizeObserver(() => draw(true));
  watch.observe(box);
  return {
    inner,
    draw(total) { count = total; draw(true); },
    leave() { watch.disconnect(); },
  };
}

// ---- a view and its kernel -----------------------------------------------------------------

function merge(state, patch = {}, rows = {}) {
  Object.assign(state, patch);
  for (const [name, { set, drop }] of Object.entries(rows)) {
    const table = (state[name] ??= {});
    for (const key of drop) delete table[key];
    Object.assign(table, set);
  }
}

function view(label, build) {
  return {
    render({ model, el }) {
      const state = structuredClone(model.get("state"));
      const root = h("section.view", { role: "region", "aria-label": label });
      const away = h("div.away", { role: "status", "aria-live": "polite" });
      const body = h("div.body");
      const notice = h("div.notice", { role: "status", "aria-live": "polite" });
      root.append(away, body, notice);
      el.append(root);
      const send = (what, facts = {}) => model.send({ do: what, ...facts });
      const made = build(body, send, state);
      let due = false;
      function draw() {
        due = false;
        const names = [label, state.title === label ? null : state.title, state.id];
        mark(root, "aria-label", names.filter(Boolean).join(" "));
        put(away, state.away);
        hide(away, !state.away);
        put(notice, state.notice?.text);
        hide(notice, !state.notice);
        mark(notice, "data-kind", state.notice?.failed ? "bad" : null);
        made.draw(state);
      }
      function soon() {
        if (due) return;
        due = true;
        requestAnimationFrame(draw);
      }
      function hear(message, buffers) {
        if (message.full) {
          for (const key of Object.keys(state)) delete state[key];
          merge(state, structuredClone(message.full));
        } else if (message.patch) merge(state, message.patch, message.rows);
        else made.hear?.(message, buffers);
        soon();
      }
      model.on("msg:custom", hear);
      draw();
      send("ready");
      const each = setInterval(() => made.tick?.(state), 1000);
      return () => {
        clearInterval(each);
        model.off("msg:custom", hear);
        made.leave?.();
        send("hidden");
      };
    },
  };
}
