// The side panel: a list of actors, and one actor with its executions.

import { element, list, say, walk } from './elements.js';
import { Log } from './log.js';
import { isOver, seconds } from './world.js';

const MOST_SHOWN = 50;
const DRAW = 100;
const SECOND = 1000;
const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false };

export class Panel {
  /** `insert` puts a cell that calls an actor into the notebook. */
  constructor({ node, server, insert }) {
    this._server = server;
    this._insert = insert;
    this._world = null;
    this._actorId = null;
    this._open = null; // the execution whose log is shown: { id, log }
    this._timer = null;
    this._second = null;
    this._build(node);
  }

  show(world) {
    this._world = world;
    this.changed();
  }

  /** Something is not as it was. Drawn at most ten times a second. */
  changed() {
    this._timer ??= setTimeout(() => this._draw(), DRAW);
  }

  close() {
    clearTimeout(this._timer);
    clearInterval(this._second);
    this._closeLog();
  }

  /** Look at one actor; null: at all of them. */
  select(actorId, focus = true) {
    this._closeLog();
    const before = this._actorId;
    this._actorId = actorId;
    this._alert.hidden = true;
    this._draw();
    if (actorId) {
      this._try(() => this._world.look(actorId, MOST_SHOWN));
    }
    if (focus) {
      const back = this._actors.querySelector(`[data-key="${before}"] button`);
      (actorId ? this._message : (back ?? this._filter)).focus();
    }
  }

  // ---- what is there from the beginning ---------------------------------------------------

  _build(node) {
    this._state = element('div', { className: 'jp-Abaco-state', role: 'status' });
    this._alert = element('div', { className: 'jp-Abaco-alert', role: 'alert', hidden: true });
    this._filter = element('input', {
      className: 'jp-Abaco-filter',
      type: 'search',
      placeholder: 'Filter actors',
      'aria-label': 'Filter actors',
      oninput: () => this._draw()
    });
    this._actors = element('ul', { className: 'jp-Abaco-list', 'aria-label': 'Actors' });
    this._none = element('p', { className: 'jp-Abaco-none' });
    this._all = element('section', {}, this._filter, this._actors, this._none);
    this._one = this._buildActor();
    node.classList.add('jp-Abaco');
    node.append(
      element('h2', { className: 'jp-Abaco-title' }, 'Actors'),
      this._state,
      this._alert,
      this._all,
      this._one
    );
    walk(this._actors, '.jp-Abaco-actor');
    walk(this._executions, '.jp-Abaco-head');
    this._second = setInterval(() => this._isRunning() && this.changed(), SECOND);
  }

  _buildActor() {
    this._name = element('h3', { className: 'jp-Abaco-name' });
    this._facts = element('div', { className: 'jp-Abaco-facts' });
    this._why = element('pre', { className: 'jp-Abaco-why', hidden: true });
    this._message = element('textarea', {
      rows: 3,
      placeholder: 'A text, or a JSON object',
      'aria-label': 'Message',
      onkeydown: event => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey || event.shiftKey)) {
          event.preventDefault();
          this._send();
        }
      }
    });
    this._form = element(
      'form',
      {
        className: 'jp-Abaco-form',
        'aria-label': 'Send a message',
        onsubmit: event => {
          event.preventDefault();
          this._send();
        }
      },
      this._message,
      button('Send', 'Send the message (Ctrl+Enter)', null, 'submit')
    );
    this._stopAll = button('Stop all', 'Drop what waits and stop what runs', () => this._halt());
    this._executions = element('ul', { className: 'jp-Abaco-list', 'aria-label': 'Executions' });
    return element(
      'section',
      {
        hidden: true,
        onkeydown: event => event.key === 'Escape' && this.select(null)
      },
      element(
        'div',
        { className: 'jp-Abaco-bar' },
        button('‹ All', 'Back to all actors (Escape)', () => this.select(null)),
        button('Insert call', 'Insert a cell that calls this actor', () =>
          this._insert(this._actorId)
        ),
        this._stopAll
      ),
      this._name,
      this._facts,
      this._why,
      this._form,
      element('h4', { className: 'jp-Abaco-subtitle' }, 'Executions'),
      this._executions
    );
  }

  // ---- what changes ------------------------------------------------------------------------

  _draw() {
    clearTimeout(this._timer);
    this._timer = null;
    const world = this._world;
    if (!world) {
      return;
    }
    say(this._state, world.lost ? `The connection is lost, trying again: ${world.lost.message}` : '');
    const actor = world.actors.get(this._actorId);
    this._all.hidden = this._actorId !== null;
    this._one.hidden = !this._all.hidden;
    if (this._actorId === null) {
      this._drawAll();
    } else if (actor) {
      this._drawOne(actor);
    } else if (world.known) {
      this._tell('This actor is not there any more.');
      this._closeLog();
      this._actorId = null;
      this._draw();
    }
  }

  _drawAll() {
    const shown = this._world.actorsShown(this._filter.value);
    list(this._actors, shown, actor => this._actorItem(actor), drawActor);
    const none = this._world.known && !shown.length;
    const made = this._world.actors.size;
    say(
      this._none,
      !none ? '' : made ? 'No actor has these words.' : 'No actors yet. Make one in a notebook: %%abaco_actor NAME'
    );
  }

  _actorItem(actor) {
    const open = element(
      'button',
      { className: 'jp-Abaco-actor', onclick: () => this.select(actor.id) },
      element('span', { className: 'jp-Abaco-dot', 'aria-hidden': 'true' }),
      element('span', { className: 'jp-Abaco-label' }),
      element('span', { className: 'jp-Abaco-busy' })
    );
    return element('li', {}, open);
  }

  _drawOne(actor) {
    say(this._name, actor.name || actor.id);
    const workers = actor.workerCount === 1 ? '1 worker' : `${actor.workerCount} workers`;
    const facts = [word(actor.status), queue(actor), workers, `${actor.totalExecutions} so far`];
    say(this._facts, facts.join(' · '));
    this._facts.title = `${actor.image}, revision ${actor.revision}, id ${actor.id}`;
    this._why.hidden = !(actor.status === 'ERROR' && actor.statusMessage);
    say(this._why, actor.statusMessage ?? '');
    this._stopAll.disabled = !(actor.waiting || actor.inHand);
    const shown = this._world.executionsOf(actor.id, MOST_SHOWN);
    list(this._executions, shown, one => this._executionItem(one), drawExecution);
  }

  _executionItem(execution) {
    const { id } = execution;
    const head = element(
      'button',
      { className: 'jp-Abaco-head', 'aria-expanded': 'false', onclick: () => this._toggle(id) },
      element('span', { className: 'jp-Abaco-dot', 'aria-hidden': 'true' }),
      element('span', { className: 'jp-Abaco-label' }),
      element('span', { className: 'jp-Abaco-busy' })
    );
    const stop = button('Stop', 'Stop this execution', () => this._stop(id));
    stop.classList.add('jp-Abaco-stop');
    return element('li', { title: id }, element('div', { className: 'jp-Abaco-row' }, head, stop));
  }

  _isRunning() {
    const shown = this._actorId && this._world?.executionsOf(this._actorId, MOST_SHOWN);
    return Boolean(shown) && shown.some(one => !isOver(one));
  }

  // ---- what a person does ------------------------------------------------------------------

  _send() {
    const text = this._message.value;
    const path = `actors/v2/${this._actorId}/messages`;
    return this._try(async () => {
      const sent = await this._server.call('POST', path, asMessage(text));
      const at = new Date().toISOString();
      const { executionId: id } = sent;
      this._message.value = '';
      this._world.take({ id, actorId: this._actorId, status: 'SUBMITTED', messageReceivedTime: at });
      this._draw();
      this._toggle(id, true);
    });
  }

  /** Halt what runs; take back what waits. */
  _stop(id) {
    const actorId = this._actorId;
    return this._try(async () => {
      if (this._world.executions.get(id)?.status === 'RUNNING') {
        await this._server.call('DELETE', `actors/v2/${actorId}/executions/${id}`);
        return;
      }
      const path = `abaco/v1/actors/${actorId}/messages/cancel`;
      const { cancelled } = await this._server.call('POST', path, { executions: [id] });
      if (!cancelled.length) {
        await this._server.call('DELETE', `actors/v2/${actorId}/executions/${id}`);
      }
    });
  }

  _halt() {
    const actorId = this._actorId;
    return this._try(async () => {
      await this._server.call('DELETE', `actors/v2/${actorId}/messages`);
      const path = `abaco/v1/actors/${actorId}/executions?limit=1000`;
      const { executions } = await this._server.call('GET', path);
      const running = executions.filter(one => one.status === 'RUNNING');
      await Promise.all(
        running.map(one => this._server.call('DELETE', `actors/v2/${actorId}/executions/${one.id}`))
      );
    });
  }

  /** Open an execution's log, or close it. */
  _toggle(id, open = this._open?.id !== id) {
    const again = this._open?.id === id;
    if (open && again) {
      return;
    }
    this._closeLog();
    const item = this._executions.querySelector(`[data-key="${id}"]`);
    if (!open || !item) {
      return;
    }
    item.querySelector('.jp-Abaco-head').setAttribute('aria-expanded', 'true');
    const label = `Log of execution ${id}`;
    const shown = element('pre', {
      className: 'jp-Abaco-log',
      tabIndex: 0,
      role: 'log',
      'aria-label': label
    });
    item.append(shown);
    const log = new Log(this._server, shown);
    this._open = { id, log };
    log.follow(this._actorId, id, {
      told: record => {
        this._world?.take(record, true);
        this.changed();
      }
    });
  }

  _closeLog() {
    if (this._open) {
      this._open.log.close();
      const item = this._executions.querySelector(`[data-key="${this._open.id}"]`);
      item?.querySelector('.jp-Abaco-head').setAttribute('aria-expanded', 'false');
      item?.querySelector('.jp-Abaco-log')?.remove();
      this._open = null;
    }
  }

  async _try(action) {
    this._alert.hidden = true;
    try {
      await action();
    } catch (error) {
      this._tell(error.message);
    }
  }

  _tell(sentence) {
    this._alert.hidden = false;
    say(this._alert, sentence);
  }
}

/** A JSON object when the text is one, else the text. */
export function asMessage(text) {
  if (text.trim().startsWith('{')) {
    try {
      return JSON.parse(text);
    } catch {
      return { message: text };
    }
  }
  return text ? { message: text } : '';
}

function button(label, title, onclick, type = 'button') {
  const made = element('button', { className: 'jp-Abaco-button', type, title }, label);
  if (onclick) {
    made.addEventListener('click', onclick);
  }
  return made;
}

function drawActor(node, actor) {
  const [dot, label, busy] = node.firstChild.children;
  dot.dataset.status = actor.status === 'READY' && actor.inHand ? 'RUNNING' : actor.status;
  say(label, actor.name || actor.id);
  say(busy, actor.status === 'READY' ? queue(actor) : word(actor.status));
  node.firstChild.title = `${actor.image}, revision ${actor.revision}`;
}

function drawExecution(node, execution) {
  const [head, stop] = node.firstChild.children;
  const [dot, label, busy] = head.children;
  const failed = isOver(execution) && ![0, null, undefined].includes(execution.exitCode);
  dot.dataset.status = failed ? 'ERROR' : execution.status;
  say(label, failed ? `failed (${execution.exitCode})` : word(execution.status));
  const ran = seconds(execution);
  const at = new Date(execution.messageReceivedTime).toLocaleTimeString([], CLOCK);
  say(busy, ran === null ? at : isOver(execution) ? `${duration(ran)} · ${at}` : duration(ran));
  stop.hidden = isOver(execution);
}

function queue({ inHand, waiting }) {
  const said = [inHand ? `${inHand} running` : '', waiting ? `${waiting} waiting` : ''];
  return said.filter(Boolean).join(' · ') || 'idle';
}

const WORDS = {
  SUBMITTED: 'waiting',
  RUNNING: 'running',
  COMPLETE: 'done',
  ERROR: 'error',
  READY: 'ready',
  SHUTTING_DOWN: 'shutting down'
};

function word(status) {
  return WORDS[status] ?? status;
}

export function duration(ran) {
  if (ran < 120) {
    return `${ran.toFixed(ran < 10 ? 1 : 0)} s`;
  }
  return ran < 7200 ? `${Math.round(ran / 60)} min` : `${(ran / 3600).toFixed(1)} h`;
}
