// All actors at a glance.

const TITLES = ["Actor", "Status", "Waiting", "Workers", "Runs", "Wait", "Run", "Failed", "Last minute"];

export default view("Dashboard", (body, send) => {
  const title = h("strong.title", {}, "Actors");
  const summary = h("span.faint");
  const figures = {
    rate: figure("Throughput", "busy"),
    waiting: figure("Waiting", "calm"),
    workers: figure("Workers", "calm"),
    wait: figure("Typical wait"),
    run: figure("Typical run"),
    failed: figure("Failures, 2 minutes", "bad"),
  };
  const top = h("div.cells.actors.top", { role: "row" },
    TITLES.map((text, i) => h(i > 1 && i < 8 ? "span.number.plain" : "span.plain", { role: "columnheader" }, text)));
  const rows = h("div", { role: "rowgroup" });
  const grid = h("div.grid", { role: "table", "aria-label": "Actors" }, top, rows);
  const empty = h("div.empty", {}, "No actors yet. %%abaco_actor makes one of a cell.");
  const more = h("div.faint");
  const failures = h("ul.lines");
  const failed = h("div.part", {}, h("h4", {}, "Last failures"), failures);
  body.append(
    h("header.head", {}, title, summary),
    h("div.figures", {}, Object.values(figures).map((one) => one.node)),
    grid, empty, more, failed);

  const lines = new Map();

  function line(id) {
    const name = h("span", { role: "rowheader" });
    const status = badge();
    const cells = Array.from({ length: 6 }, () => h("span.number", { role: "cell" }));
    const spark = sparkline("Executions a second", 110, 20);
    mark(status.node, "role", "cell");
    const node = h("div.cells.actors.row", { role: "row" }, name, status.node, cells,
      h("span", { role: "cell" }, spark.node));
    node.style.height = "30px";
    const [waiting, workers, total, wait, run, bad] = cells;
    return {
      node,
      draw(row) {
        put(name, row.name);
        mark(name, "title", `${row.id}, of ${row.owner}`);
        status.draw(row.status);
        mark(status.node, "title", row.why || null);
        put(waiting, number(row.waiting));
        put(workers, number(row.workers));
        put(total, number(row.total));
        put(wait, seconds(row.wait));
        put(run, seconds(row.run));
        put(bad, row.failed ? number(row.failed) : "");
        bad.classList.toggle("abaco-bad", row.failed > 0);
        spark.draw(row.spark);
      },
    };
  }

  return {
    draw(state) {
      const { totals, series } = state;
      put(summary, totals.actors == null ? "" :
        `${plural(totals.actors, "actor")}, ${plural(totals.inHand, "execution")} in hand`);
      figures.rate.draw(rate(totals.rate), series?.ended);
      figures.waiting.draw(number(totals.waiting ?? 0), series?.waiting);
      figures.workers.draw(totals.busy ? `${totals.busy} of ${totals.workers}` : number(totals.workers ?? 0), series?.workers);
      figures.wait.draw(seconds(totals.wait) || "–");
      figures.run.draw(seconds(totals.run) || "–");
      figures.failed.draw(number(totals.failed ?? 0), series?.failed);
      const actors = Object.values(state.actors);
      for (const id of [...lines.keys()]) {
        if (!state.actors[id]) { lines.get(id).node.remove(); lines.delete(id); }
      }
      for (const row of actors) {
        if (!lines.has(row.id)) {
          lines.set(row.id, line(row.id));
          rows.append(lines.get(row.id).node);
        }
        lines.get(row.id).draw(row);
      }
      hide(grid, !actors.length);
      hide(empty, actors.length > 0 || totals.actors == null);
      put(more, state.more ? `and ${plural(state.more, "actor")} with less to do` : "");
      hide(more, !state.more);
      hide(failed, !state.failures.length);
      failures.replaceChildren(...state.failures.map((one) =>
        h("li", {}, h("span.faint.number", {}, clock(one.at)), h("span", {}, one.actor),
          h("span.wide.bad", { title: one.why }, one.why), h("span.mono.faint", {}, one.id))));
    },
  };
});
