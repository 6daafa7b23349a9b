// A log as it grows: the last lines of it, with their colours, however long it is.

const MOST_LINES = 20000;
const LINE = 18;
const CODES = /\x1b\[([0-9;]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;

// What the codes leave switched on, after what was on before.
function styled(before, codes) {
  let style = before;
  const numbers = codes.split(";").map(Number);
  while (numbers.length) {
    const one = numbers.shift();
    if (one === 0) style = {};
    else if (one === 1) style = { ...style, bold: true };
    else if (one === 2) style = { ...style, faint: true };
    else if (one === 3) style = { ...style, italic: true };
    else if (one === 4) style = { ...style, under: true };
    else if (one === 22) style = { ...style, bold: false, faint: false };
    else if (one === 24) style = { ...style, under: false };
    else if (one === 38 || one === 48) numbers.splice(0, numbers[0] === 5 ? 2 : 4);
    else if (one === 39) style = { ...style, colour: null };
    else if ((one >= 30 && one <= 37) || (one >= 90 && one <= 97)) {
      style = { ...style, colour: one % 10 };
    }
  }
  return style;
}

// Spans of one line, and the style with which the next begins.
function spans(text, style) {
  const found = [];
  let at = 0;
  const add = (piece) => { if (piece) found.push([piece, style]); };
  for (const code of text.matchAll(CODES)) {
    add(text.slice(at, code.index));
    at = code.index + code[0].length;
    if (code[1] !== undefined) style = styled(style, code[1]);
  }
  add(text.slice(at));
  return [found, style];
}

class Log {
  constructor(send) {
    this.lines = []; // { text, style }: style with which the line begins
    this.dropped = 0;
    this.missing = 0; // characters that never came here
    this.end = 0; // characters of the log that have come
    this.follow = true;
    this.box = h("div.log", { role: "log", "aria-label": "Log", "aria-live": "off", tabindex: "0" });
    this.rows = windowed(this.box, LINE, (i) => this.row(i));
    this.count = h("span.faint");
    this.toggle = button("Follow", () => this.set(!this.follow), { "aria-pressed": "true" });
    this.save = button("Download whole log", () => send("download"));
    this.bar = h("div.logbar", {}, this.count, h("span.fill"), this.toggle, this.save);
    this.node = h("div", {}, this.box, this.bar);
    this.pieces = [];
    this.box.addEventListener("wheel", () => requestAnimationFrame(() => this.look()), { passive: true });
    this.box.addEventListener("keyup", () => this.look());
  }

  look() {
    const below = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight;
    this.set(below < 2 * LINE, false);
  }

  set(follow, jump = true) {
    this.follow = follow;
    mark(this.toggle, "aria-pressed", String(follow));
    if (follow && jump) this.bottom();
  }

  bottom() {
    this.box.scrollTop = this.box.scrollHeight;
  }

  hear({ at, text }) {
    if (at > this.end) {
      this.missing += at - this.end;
      this.push(`\x1b[2m… ${number(at - this.end)} characters are not shown …\x1b[0m`);
      this.lines.push({ text: "", style: {} });
      this.end = at;
    }
    const fresh = text.slice(Math.max(0, this.end - at));
    if (!fresh) return;
    this.end += fresh.length;
    const [first, ...rest] = fresh.split("\n");
    const open = this.lines.length ? this.lines[this.lines.length - 1] : this.push("");
    open.text += first;
    for (const line of rest) this.push(line);
    // Lines that a progress bar has overwritten show how they ended.
    for (const line of this.lines.slice(-rest.length - 1)) {
      const shown = line.text.replace(/\r+$/, "");
      const last = shown.lastIndexOf("\r");
      if (last >= 0) line.text = shown.slice(last + 1) + line.text.slice(shown.length);
      if (line.text.length > 100000) line.text = `${line.text.slice(0, 100000)} …`;
    }
    const over = this.lines.length - MOST_LINES - 1; // the last one may be empty still
    if (over > 0) {
      this.lines.splice(0, over);
      this.dropped += over;
    }
    this.stale = true;
  }

  push(text) {
    const before = this.lines[this.lines.length - 1];
    const style = before ? spans(before.text, before.style)[1] : {};
    const line = { text, style };
    this.lines.push(line);
    return line;
  }

  row(i) {
    const { text, style } = this.lines[i];
    const [found] = spans(text.replace(/\r$/, ""), style);
    return h("div.line", {}, found.map(([piece, on]) => {
      const classes = ["bold", "faint", "italic", "under"].filter((one) => on[one]);
      if (on.colour != null) classes.push(`ansi${on.colour}`);
      return classes.length ? h(`span.${classes.join(".")}`, {}, piece) : piece;
    }));
  }

  draw() {
    if (!this.stale) return;
    this.stale = false;
    const last = this.lines[this.lines.length - 1];
    const total = this.lines.length - (last && last.text === "" ? 1 : 0);
    this.rows.draw(total);
    this.box.style.height = `${total > 18 ? 18 * LINE + 6 : Math.max(1, total) * LINE + 12}px`;
    put(this.count, this.missing
      ? `${plural(total, "line")} here, ${number(this.missing)} characters left out`
      : plural(total + this.dropped, "line") + (this.dropped ? `, the last ${number(total)} here` : ""));
    if (this.follow) this.bottom();
  }

  // A file comes in pieces.
  file({ file, last }, buffers) {
    this.pieces.push(buffers[0]);
    if (!last) return;
    const url = URL.createObjectURL(new Blob(this.pieces, { type: "text/plain" }));
    this.pieces = [];
    h("a", { href: url, download: file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }
}
