// A log that grows, in a bounded part of the page.

const MOST = 200_000;
const EVERY = 100;

const CONTROL =
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;

/** Without control characters; of a line that was overwritten, how it ended. */
export function plain(text) {
  const lines = text.replace(/\r\n/g, '\n').split('\n');
  return lines.map(line => line.slice(line.lastIndexOf('\r') + 1).replace(CONTROL, '')).join('\n');
}

export class Log {
  constructor(server, node) {
    this._server = server;
    this._node = node;
    this._text = '';
    this._cut = false;
    this._stop = new AbortController();
    this._timer = null;
  }

  follow(actorId, executionId, { told }) {
    void this._server.follow(`abaco/v1/actors/${actorId}/executions/${executionId}/stream`, {
      signal: this._stop.signal,
      lost: error => this._node.classList.toggle('jp-mod-lost', Boolean(error)),
      hear: (event, data) => {
        if (event === 'log') {
          this._add(data.text);
        } else {
          told(data);
        }
        if (event === 'end') {
          this._draw(data.reason ?? data.exception?.message ?? '');
        }
        return event === 'end';
      }
    });
  }

  close() {
    this._stop.abort();
    clearTimeout(this._timer);
  }

  _add(text) {
    this._text += text.length > MOST ? text.slice(-MOST) : text;
    if (this._text.length > MOST || text.length > MOST) {
      this._text = this._text.slice(-MOST);
      this._cut = true;
    }
    this._timer ??= setTimeout(() => this._draw(''), EVERY);
  }

  _draw(instead) {
    clearTimeout(this._timer);
    this._timer = null;
    const node = this._node;
    const follows = node.scrollTop + node.clientHeight >= node.scrollHeight - 8;
    const begin = this._cut ? '(the beginning of the log is not shown)\n' : '';
    node.textContent = this._text ? begin + plain(this._text) : instead || '(it printed nothing)';
    if (follows) {
      node.scrollTop = node.scrollHeight;
    }
  }
}
