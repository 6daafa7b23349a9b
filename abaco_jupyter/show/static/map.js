// Many calls: how far, how fast, what failed, what is slow.

export default view("Progress of a map", (body, send) => {
  const title = h("strong.title");
  const count = h("span.faint");
  const percent = h("span.number");
  const cancel = guarded("Cancel…", "Drop what waits and stop what runs?", () => send("cancel"));
  const parts = ["good", "bad", "busy"].map((kind) => h("span", { "data-kind": kind }));
  const bar = h("div.bar", { role: "progressbar", "aria-label": "Calls that ended", "aria-valuemin": "0" }, parts);
  const facts = h("div.facts", { role: "list" });
  const failures = h("ul.lines");
  const slowest = h("ul.lines");
  const failed = h("div.part", {}, h("h4", {}, "Failures"), failures);
  const slow = h("div.part", {}, h("h4", {}, "Slowest"), slowest);
  const heard = h("span.unseen", { role: "status", "aria-live": "polite" });
  body.append(
    h("header.head", {}, title, count, h("span.fill"), percent, cancel.node),
    bar, facts, h("div.parts", {}, failed, slow), heard);

  return {
    draw(state) {
      const done = state.good + state.bad + state.dropped;
      const share = (value) => `${(100 * value) / state.total}%`;
      put(title, state.title);
      put(count, `${number(done)} of ${plural(state.total, "call")}`);
      put(percent, `${Math.floor((100 * done) / state.total)} %`);
      parts[0].style.width = share(state.good);
      parts[1].style.width = share(state.bad);
      parts[2].style.width = share(state.running);
      mark(bar, "aria-valuemax", state.total);
      mark(bar, "aria-valuenow", done);
      hide(cancel.node, state.over);
      facts.replaceChildren(
        ...fact("elapsed", seconds(state.elapsed)),
        ...fact("rate", state.over ? rate(state.total / Math.max(0.1, state.elapsed)) : rate(state.rate)),
        ...fact("left", state.left ? `about ${seconds(state.left)}` : ""),
        ...fact("running", state.over ? "" : number(state.running)),
        ...fact("failed", state.bad ? number(state.bad) : ""),
        ...fact("cancelled", state.dropped ? number(state.dropped) : ""));
      hide(failed, !state.failures.length);
      failures.replaceChildren(...state.failures.map((one) =>
        h("li", {}, h("span.number.faint", {}, `#${one.number}`), h("span.wide.bad", { title: one.why }, one.why))));
      hide(slow, !state.slowest.length);
      const most = Math.max(0.001, ...state.slowest.map((one) => one.ran));
      slowest.replaceChildren(...state.slowest.map((one) => {
        const line = h("span.slow");
        line.style.width = `${(100 * one.ran) / most}%`;
        return h("li", {}, h("span.number.faint", {}, `#${one.number}`), h("span.wide", {}, line), h("span.number", {}, seconds(one.ran)));
      }));
      if (state.over) put(heard, `${state.title}: all calls ended, ${state.bad} failed`);
    },
  };
});
