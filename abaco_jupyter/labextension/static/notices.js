// Notifications of executions that ended. Many that end together are one; an actor has one at a time.

import { duration } from './panel.js';
import { seconds } from './world.js';

const GATHER = 500;
const SHOWN = 8000;

const endedWell = execution => execution.status === 'COMPLETE' && execution.exitCode === 0;

export class Notices {
  constructor(notification, { titleOf, open }) {
    this._notification = notification;
    this._titleOf = titleOf;
    this._open = open;
    this._gathered = new Map(); // by actor
    this._shown = new Map(); // by actor, the notification's id
  }

  /** `after`: seconds that it must have run for; negative: tell of none. */
  take(execution, after) {
    const ran = seconds(execution);
    if (after < 0 || ran === null || ran < after) {
      return;
    }
    const { actorId } = execution;
    if (!this._gathered.has(actorId)) {
      this._gathered.set(actorId, []);
      setTimeout(() => this._show(actorId), GATHER);
    }
    this._gathered.get(actorId).push(execution);
  }

  _show(actorId) {
    const ended = this._gathered.get(actorId);
    this._gathered.delete(actorId);
    const well = ended.every(endedWell);
    this._notification.dismiss(this._shown.get(actorId) ?? '');
    const id = this._notification.emit(
      `${this._titleOf(actorId)}: ${said(ended)}`,
      well ? 'success' : 'error',
      {
        autoClose: well ? SHOWN : false,
        actions: [{ label: 'Show', callback: () => this._open(actorId) }]
      }
    );
    this._shown.set(actorId, id);
  }
}

/** One with its time, several with their number. */
export function said(ended) {
  const [first] = ended;
  const failed = ended.filter(one => !endedWell(one));
  if (ended.length > 1) {
    return `${ended.length} executions have ended, ${failed.length} of them failed.`;
  }
  const ending = failed.length ? `failed (exit code ${first.exitCode ?? 'unknown'})` : 'has ended';
  return `an execution ${ending} after ${duration(seconds(first))}.`;
}
