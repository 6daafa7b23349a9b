// Many executions: only the rows on the screen are in the page.

const ROW = 28;
const FILTERS = {
  all: ["All", () => true],
  waits: ["Waiting", (row) => row.status === "SUBMITTED"],
  runs: ["Running", (row) => row.status === "RUNNING"],
  good: ["Complete", (row) => row.status === "COMPLETE" && !row.failed],
  bad: ["Failed", (row) => row.failed],
};
const COLUMNS = [
  ["status", "Status", (row) => row.status],
  ["actor", "Actor", (row) => row.actor],
  ["id", "Execution", (row) => row.id],
  ["at", "Received", (row) => row.at ?? 0],
  ["waited", "Waited", (row) => row.waited ?? -1],
  ["ran", "Ran", (row) => row.ran ?? -1],
  ["cpu", "CPU", (row) => row.cpu],
];
const NUMBERS = new Set(["at", "waited", "ran", "cpu"]);
export default view("Executions", (body, send, state) => {
  let filter = "all";
  let sort = "at";
  let down = true;
  let words = "";
  let open = null;
  let rows = [];

  const title = h("strong.title");
  const counts = h("span.faint");
  const tabs = h("span.tools", { role: "group", "aria-label": "Filter by status" });
  const buttons = Object.entries(FILTERS).map(([key, [text]]) => {
    const one = button(text, () => { filter = key; arrange(); }, { "aria-pressed": "false" });
    tabs.append(one);
    return [key, one, text];
  });
  const find = h("input", { type: "search", placeholder: "Find", "aria-label": "Find an actor, an id or an error",
    oninput: () => { words = find.value.trim().toLowerCase(); arrange(); } });

  const top = h("div.cells.executions.top", { role: "row" });
  const heads = COLUMNS.map(([key, text]) => {
    const one = h("button", { type: "button", onclick: () => {
      down = sort === key ? !down : NUMBERS.has(key);
      sort = key;
      arrange();
    } }, text);
    const cell = h(NUMBERS.has(key) ? "span.number" : "span", { role: "columnheader", "data-column": key }, one);
    top.append(cell);
    return [key, cell, one, text];
  });
  const box = h("div.scroll", { role: "rowgroup", tabindex: "0", "aria-label": "Executions; arrows choose, Enter opens" });
  const list = windowed(box, ROW, draw_row);
  const grid = h("div.grid", { role: "grid", "aria-label": "Executions" }, top, box);
  const empty = h("div.empty", {}, "No executions.");
  const log = new Log(() => {});
  const detail = h("div.detail");
  const heard = h("span.unseen", { role: "status", "aria-live": "polite" });
  body.append(h("header.head", {}, title, counts, h("span.fill"), find), tabs, grid, empty, detail, heard);

  function cell(key, row) {
    if (key === "status") {
      const shown = badge();
      const failed = row.failed && row.status === "COMPLETE";
      shown.draw(row.status, row.failed, failed ? `exit code ${row.code}` : row.status);
      return shown.node;
    }
    if (key === "at") return h("span.number", {}, clock(row.at == null ? "" : row.at * 1000));
    if (key === "id") return h("span.mono", {}, row.id);
    if (key === "actor") return h("span", { title: row.why }, row.actor, row.why ? h("span.bad", {}, `  ${row.why}`) : null);
    if (key === "cpu") return h("span.number", {}, row.cpu ? seconds(row.cpu / 1e9) : "");
    if (key === "ran" && row.status === "RUNNING" && row.began) {
      return h("span.number.faint", {}, seconds(Math.max(0, Date.now() / 1000 - row.began)));
    }
    return h("span.number", {}, seconds(row[key]));
  }

  function draw_row(i) {
    const row = rows[i];
    const node = h("div.cells.executions.row", { role: "row", "aria-selected": String(row.id === open),
      "aria-rowindex": i + 2, onclick: () => choose(row.id) },
      COLUMNS.map(([key]) => {
        const one = cell(key, row);
        mark(one, "role", "gridcell");
        mark(one, "data-column", key);
        return one;
      }));
    return node;
  }

  function arrange() {
    const all = Object.values(state.rows);
    const test = FILTERS[filter][1];
    const column = COLUMNS.find(([key]) => key === sort)[2];
    rows = all.filter((row) => test(row) && (!words ||
      `${row.actor} ${row.id} ${row.why} ${row.status}`.toLowerCase().includes(words)));
    rows.sort((a, b) => {
      const [x, y] = [column(a), column(b)];
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
    });
    for (const [key, one, text] of buttons) {
      mark(one, "aria-pressed", String(key === filter));
      const many = key === "all" ? all.length : all.reduce((sum, row) => sum + FILTERS[key][1](row), 0);
      put(one, `${text} ${number(many)}`);
    }
    for (const [key, node, one, text] of heads) {
      mark(node, "aria-sort", key === sort ? (down ? "descending" : "ascending") : null);
      put(one, key === sort ? `${text} ${down ? "↓" : "↑"}` : text);
    }
    put(counts, rows.length === all.length ? "" : `${number(rows.length)} of ${number(all.length)}`);
    hide(grid, !rows.length);
    hide(empty, rows.length > 0);
    mark(grid, "aria-rowcount", rows.length + 1);
    box.style.height = `${Math.min(12, rows.length) * ROW}px`;
    list.draw(rows.length);
    draw_detail();
  }

  // ---- the row that is open --------------------------------------------------------------

  const shown = { status: badge(), id: h("code.id"), why: h("div.why"), facts: h("div.facts", { role: "list" }) };
  const stop = button("Stop", () => send("stop", { key: open }));
  const close = button("Close", () => choose(null));
  detail.append(
    h("header.head", {}, shown.status.node, shown.id, h("span.fill"), stop, close),
    shown.facts, shown.why, log.node);
  hide(log.save, true);
  let asked = null;

  function choose(id) {
    open = id === open ? null : id;
    Object.assign(log, { lines: [], dropped: 0, missing: 0, end: 0, stale: true });
    asked = null;
    arrange();
    if (open) detail.scrollIntoView({ block: "nearest" });
  }

  function draw_detail() {
    const row = open && state.rows[open];
    hide(detail, !row);
    if (!row) return;
    const failed = row.failed && row.status === "COMPLETE";
    shown.status.draw(row.status, row.failed, failed ? `COMPLETE, exit code ${row.code}` : row.status);
    put(shown.id, row.id);
    put(shown.why, row.why);
    hide(shown.why, !row.why);
    hide(stop, row.status !== "RUNNING");
    shown.facts.replaceChildren(...fact("actor", row.actor), ...fact("received", clock(row.received)),
      ...fact("waited", seconds(row.waited)), ...fact("ran", seconds(row.ran)));
    if (asked !== `${open} ${row.status}`) {
      asked = `${open} ${row.status}`;
      send("log", { key: open });
    }
    hide(log.node, !log.lines.length);
    log.draw();
  }

  box.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step === undefined && event.key !== "Escape") return;
    event.preventDefault();
    if (event.key === "Escape") return open && choose(open);
    const at = rows.findIndex((row) => row.id === open);
    const next = Math.max(0, Math.min(rows.length - 1, at + step));
    if (rows[next] && rows[next].id !== open) choose(rows[next].id);
    const y = next * ROW;
    if (y < box.scrollTop) box.scrollTop = y;
    else if (y + ROW > box.scrollTop + box.clientHeight) box.scrollTop = y + ROW - box.clientHeight;
    put(heard, rows[next] ? `${rows[next].id}, ${rows[next].status}` : "");
  });

  return {
    draw() { put(title, state.title); arrange(); },
    tick() {
      if (Object.values(state.rows).some((row) => row.status === "RUNNING")) list.draw(rows.length);
      const row = open && state.rows[open];
      if (row && row.status === "RUNNING") send("log", { key: open });
    },
    hear(message) {
      if (message.log !== open) return;
      log.hear(message);
      draw_detail();
    },
    leave() { list.leave(); log.rows.leave(); },
  };
});
