// One actor: what it is and does, and a form that sends it messages.

const RULES = {
  queue_length: "messages wait", first_worker: "the first worker", requested: "asked for",
  new_image: "a new image", idle: "idle", sync: "idle, kept for synchronous messages",
  worker_ttl: "too old", deleted: "deleted", actor_deleted: "the actor is deleted",
  start_failed: "it did not start", stuck: "it was stuck", max_workers: "its maxWorkers",
  max_cmd_length: "others are being started", capacity: "the machine is full",
  queue_capacity: "its queue is full", paused: "paused after a failure",
};
const ACTIONS = { start: "start", remove: "remove", keep: "keep", hold: "no more" };

export default view("Actor", (body, send, first) => {
  const status = badge();
  const title = h("strong.title");
  const id = h("code.id", { title: "The actor's id" });
  const why = h("div.why");
  const facts = h("div.facts", { role: "list" });
  const figures = {
    waiting: figure("Waiting", "calm"),
    workers: figure("Workers", "busy"),
    total: figure("Executions"),
    wait: figure("Typical wait"),
    run: figure("Typical run"),
  };
  const newest = h("ul.lines");
  const workers = h("ul.lines");
  const decisions = h("ul.lines");
  const rights = h("ul.lines");
  const clocks = h("ul.lines");
  const nonces = h("ul.lines");
  const part = (name, list) => h("div.part", {}, h("h4", {}, name), list);
  const parts = {
    newest: part("Newest executions", newest), decisions: part("Autoscaler", decisions),
    workers: part("Workers", workers), clocks: part("Schedule", clocks),
    rights: part("Permissions", rights), nonces: part("Nonces", nonces),
  };

  const text = h("textarea", { rows: "2", "aria-label": "Message", placeholder: "A message", spellcheck: "false" });
  const kind = h("select", { "aria-label": "Kind of message" },
    h("option", { value: "text" }, "Text"), h("option", { value: "json" }, "JSON"));
  const post = () => send("send", { text: text.value, kind: kind.value });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); post(); }
    event.stopPropagation();
  });
  const form = h("form.form", { "aria-label": `Send a message to ${first.title}`,
    onsubmit: (event) => { event.preventDefault(); post(); } },
    text, kind, h("button.button", { type: "submit", "data-kind": "main" }, "Send"));

  const many = h("input", { type: "number", min: "1", max: "100", value: "2", "aria-label": "Workers" });
  const scale = button("Ask for workers", () => send("scale", { number: Number(many.value) }));
  const stop = guarded("Stop all…", "Halt what runs and drop what waits?", () => send("stop"));
  const remove = guarded("Delete…", "Delete this actor for good?", () => send("delete"));
  const acts = h("div.acts", {}, many, scale, h("span.fill"), stop.node, remove.node);
  body.append(
    h("header.head", {}, status.node, title, id), facts, why,
    h("div.figures", {}, Object.values(figures).map((one) => one.node)),
    form, h("div.parts", {}, Object.values(parts)), acts);

  function lines(list, part, rows) {
    const now = JSON.stringify(rows.map(([key]) => key));
    hide(part, !rows.length);
    if (list.dataset.now === now) return;
    list.dataset.now = now;
    list.replaceChildren(...rows.map(([, make]) => h("li", {}, make())));
  }

  function draw(state) {
    const { known, live, details } = state;
    put(title, state.title);
    put(id, state.id);
    status.draw(state.gone ? "ERROR" : known.status, state.gone, state.gone ? "deleted, or not yours any more" : known.status);
    const reason = (known.statusMessage || "").trim();
    put(why, reason);
    hide(why, !reason || known.status !== "ERROR");
    facts.replaceChildren(
      ...fact("image", known.image), ...fact("revision", known.revision),
      ...fact("owner", known.owner), ...fact("kind", known.stateless === false ? "stateful" : ""),
      ...fact("at most", known.maxWorkers ? plural(known.maxWorkers, "worker") : ""),
      ...fact("memory", details?.memLimit), ...fact("hints", (known.hints ?? []).join(", ")),
      ...fact("link", details?.link), ...fact("webhook", details?.webhook));
    figures.waiting.draw(number(live?.waiting ?? 0), state.series?.waiting ?? []);
    figures.workers.draw(number(live?.workerCount ?? 0), state.series?.workers ?? []);
    figures.total.draw(number(live?.totalExecutions ?? 0));
    figures.wait.draw(seconds(live?.wait) || "–");
    figures.run.draw(seconds(live?.run) || "–");
    lines(newest, parts.newest, state.newest.map((one) => [one, () => {
      const shown = badge();
      shown.draw(one.status, one.failed, one.failed && one.status === "COMPLETE" ? `exit code ${one.code}` : one.status);
      return [shown.node, h("span.wide", { title: one.why }, one.why ? h("span.bad", {}, one.why) : h("span.mono.faint", {}, one.id)),
        h("span.number", {}, seconds(one.ran)), h("span.number.faint", {}, clock(one.at))];
    }]));
    lines(decisions, parts.decisions, state.decisions.map((one) => [one, () => [
      h("span.number.faint", {}, clock(one.time)),
      h("span.wide", {}, `${ACTIONS[one.action] ?? one.action}: ${RULES[one.rule] ?? one.rule}`),
      h("span.number.faint", {}, `${plural(one.workers, "worker")}, ${one.waiting} waiting`)]]));
    lines(workers, parts.workers, state.workers.slice(0, 12).map((one) => [one, () => {
      const shown = badge();
      shown.draw(one.status);
      return [shown.node, h("span.wide.mono.faint", {}, one.id)];
    }]));
    const cron = known.cronSchedule ? [[known.cronSchedule + known.cronOn, () => [
      h("span.wide", {}, known.cronSchedule), h("span.faint", {}, known.cronOn ? `next ${known.cronNextEx ?? ""}` : "off")]]] : [];
    lines(clocks, parts.clocks, [...cron, ...(details?.schedules ?? []).map((one) => [one, () => [
      h("span.wide.mono", {}, one.cron), h("span.faint", {}, `${one.timeZone}, next ${clock(one.nextTime)}`)]])]);
    lines(rights, parts.rights, Object.entries(details?.permissions ?? {}).map(([user, level]) => [[user, level], () => [
      h("span.wide", {}, user === "ABACO_WORLD" ? "everybody" : user), h("span.faint", {}, level)]]));
    lines(nonces, parts.nonces, (details?.nonces ?? []).map((one) => [one, () => [
      h("span.wide", {}, one.text || "a nonce"), h("span.faint", {}, `${one.level}, ${one.left}`)]]));
    for (const node of body.querySelectorAll("button, input, select, textarea")) {
      if (state.gone) node.disabled = true;
    }
    if (state.notice && !state.notice.failed && state.notice.text.startsWith("Sent as") && text.dataset.sent !== state.notice.text) {
      text.dataset.sent = state.notice.text;
      text.value = "";
    }
  }
  return { draw };
});
