// What the panel knows: actors and their newest executions, kept up to date by one event stream.

const MOST_EXECUTIONS = 3000;

export const isOver = execution => ['COMPLETE', 'ERROR'].includes(execution.status);

/** Seconds that it ran, so far or in all; null before its start. */
export function seconds(execution, now = Date.now()) {
  if (!execution.startTime) {
    return null;
  }
  const end = execution.finishTime ? Date.parse(execution.finishTime) : now;
  return Math.max(0, (end - Date.parse(execution.startTime)) / 1000);
}

export class World {
  /** `ended` is told of each execution that ends while somebody looks. */
  constructor(server, { changed, ended }) {
    this.actors = new Map();
    this.executions = new Map();
    this.lost = null;
    this.known = false;
    this._server = server;
    this._changed = changed;
    this._ended = ended;
    this._mark = null;
    this._stop = null;
  }

  /** A page that nobody sees has no stream: a browser has six connections to one server. */
  open() {
    if (this._stop) {
      return;
    }
    this._stop = new AbortController();
    void this._server.follow('abaco/v1/events', {
      signal: this._stop.signal,
      mark: this._mark,
      hear: (event, data) => this.hear(event, data),
      lost: reason => {
        this.lost = reason;
        this._changed();
      }
    });
  }

  close() {
    this._stop?.abort();
    this._stop = null;
  }

  hear(event, data) {
    if (event === 'snapshot') {
      this.actors.clear();
      this.known = true;
    }
    for (const actor of data.actors ?? []) {
      this.actors.set(actor.id, actor);
    }
    for (const id of data.gone ?? []) {
      this.actors.delete(id);
    }
    for (const execution of data.executions ?? []) {
      this.take(execution, event === 'update');
    }
    this._changed();
    return false;
  }

  /** `fresh`: this is news, not what was on record when somebody asked. */
  take(execution, fresh = false) {
    const before = this.executions.get(execution.id);
    if (before && isOver(before) && !isOver(execution)) {
      return; // an answer that was under way when the end was told
    }
    this.executions.set(execution.id, { ...before, ...execution });
    if (isOver(execution) && !(before && isOver(before)) && (fresh || before)) {
      this._ended(execution);
    }
    if (this.executions.size > MOST_EXECUTIONS) {
      this.executions.delete(this.executions.keys().next().value);
    }
  }

  /** Newest first. */
  actorsShown(words) {
    const wanted = words.trim().toLowerCase();
    return [...this.actors.values()]
      .filter(one => `${one.name ?? ''} ${one.id} ${one.image}`.toLowerCase().includes(wanted))
      .sort((a, b) => b.createTime.localeCompare(a.createTime));
  }

  /** Newest first. */
  executionsOf(actorId, most) {
    return [...this.executions.values()]
      .filter(one => one.actorId === actorId)
      .sort((a, b) => b.messageReceivedTime.localeCompare(a.messageReceivedTime))
      .slice(0, most);
  }

  async look(actorId, most) {
    const path = `abaco/v1/actors/${actorId}/executions?limit=${most}`;
    for (const each of (await this._server.call('GET', path)).executions) {
      this.take(each);
    }
    this._changed();
  }

  titleOf(actorId) {
    return this.actors.get(actorId)?.name || actorId;
  }
}
