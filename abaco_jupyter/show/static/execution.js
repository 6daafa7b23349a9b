// One execution: how it stands, its log, and what came of it.

export default view("Execution", (body, send, first) => {
  const status = badge();
  const title = h("strong.title");
  const id = h("code.id", { title: "The execution's id" });
  const elapsed = h("span.number");
  const stop = button("Stop", () => { stop.disabled = true; send("stop"); });
  const facts = h("div.facts", { role: "list" });
  const why = h("div.why");
  const log = new Log(send);
  const value = h("pre.result");
  const fetch = button("Show result", () => send("result"));
  const kind = h("span.faint");
  const result = h("div", {}, h("div.label", {}, "Result ", kind, fetch), value);
  const heard = h("span.unseen", { role: "status", "aria-live": "polite" });
  body.append(
    h("header.head", {}, status.node, title, id, h("span.fill"), elapsed, stop),
    facts, why, log.node, result, heard,
  );
  let since = null;

  function tick({ record }) {
    const running = since != null && !record.ran && !record.failed;
    const now = running ? (performance.now() - since) / 1000 : record.ran;
    put(elapsed, now == null ? "" : seconds(now));
  }

  let seen = null;
  function draw(state) {
    const { record } = state;
    const now = JSON.stringify(record);
    if (now !== seen) {
      seen = now;
      since = record.since == null || state.over ? null : performance.now() - record.since * 1000;
      const failed = record.failed && record.status === "COMPLETE";
      status.draw(record.status, record.failed, failed ? `COMPLETE, exit code ${record.exitCode}` : record.status);
      put(heard, `${state.title} is ${record.status}`);
      facts.replaceChildren(
        ...fact("received", clock(record.received)),
        ...fact("waited", seconds(record.waited)),
        ...fact("ran", seconds(record.ran)),
        ...fact("CPU", record.cpu ? seconds(record.cpu / 1e9) : ""),
        ...fact("worker", record.worker),
        ...fact("sent by", record.executor),
      );
    }
    put(title, state.title);
    put(id, state.id);
    put(why, record.why);
    hide(why, !record.why);
    hide(stop, state.over);
    if (record.status !== "RUNNING") stop.disabled = true;
    else if (!state.notice) stop.disabled = false;
    hide(log.node, !log.lines.length);
    hide(result, !(state.over && (state.result || !record.failed)));
    hide(fetch, !!state.result);
    put(kind, state.result?.none ? "none" : state.result?.kind);
    put(value, state.result?.text);
    hide(value, !state.result?.text);
    log.draw();
    tick(state);
  }

  return {
    draw,
    tick,
    hear(message, buffers) {
      if (message.log) log.hear(message.log);
      if (message.file) log.file(message, buffers);
    },
    leave() { log.rows.leave(); },
  };
});
