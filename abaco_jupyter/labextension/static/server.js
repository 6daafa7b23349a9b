// The server as the panel sees it: answers and streams. Lab's own connection adds the base URL of
// a JupyterHub, the token, or the XSRF header.

const PAUSE = 1000;
const LONGEST_PAUSE = 15000;

export class Server {
  constructor({ ServerConnection }, { URLExt }) {
    this._connection = ServerConnection;
    this._settings = ServerConnection.makeSettings();
    this._join = URLExt.join;
  }

  /** The `result` of an answer. Throws an Error with the server's own sentence. */
  async call(method, path, body) {
    const init = { method };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    const answer = await this._request(path, init);
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      throw new Error(said.message || `The server answered ${answer.status} to ${path}.`);
    }
    return said.result;
  }

  /**
   * Follow server-sent events, over lost connections, until `signal` aborts or `hear` returns true.
   * `lost` is told of each loss, with the reason, and of the return, without one.
   */
  async follow(path, { signal, hear, lost = () => {}, mark = null }) {
    let pause = PAUSE;
    while (!signal.aborted) {
      try {
        const headers = { Accept: 'text/event-stream' };
        if (mark) {
          headers['Last-Event-ID'] = mark;
        }
        const answer = await this._request(path, { headers, signal });
        if (!answer.ok) {
          const said = await answer.json().catch(() => ({}));
          const error = new Error(said.message || `The server answered ${answer.status}.`);
          error.final = answer.status < 500;
          throw error;
        }
        lost(null);
        pause = PAUSE;
        for await (const frame of frames(answer.body)) {
          mark = frame.id ?? mark;
          if (hear(frame.event, JSON.parse(frame.data))) {
            return;
          }
        }
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        lost(error);
        if (error.final) {
          return;
        }
      }
      await rest(pause, signal);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }

  _request(path, init) {
    // `no-cache`, because Lab's default puts a number into the query that we would refuse.
    const url = this._join(this._settings.baseUrl, path);
    return this._connection.makeRequest(url, { cache: 'no-cache', ...init }, this._settings);
  }
}

/** Frames of a stream. A large one is searched once, not again with each piece of it. */
export async function* frames(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let searched = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) {
        return;
      }
      text += value;
      let end;
      while ((end = text.indexOf('\n\n', searched)) >= 0) {
        const frame = parsed(text.slice(0, end));
        text = text.slice(end + 2);
        searched = 0;
        if (frame) {
          yield frame;
        }
      }
      searched = Math.max(0, text.length - 1);
    }
  } finally {
    reader.cancel().catch(() => {}); // the connection is gone already
  }
}

function parsed(text) {
  const frame = { event: 'message', data: null, id: null };
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) {
      frame[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, '');
    }
  }
  return frame.data === null ? null : frame; // a heartbeat is a comment
}

function rest(milliseconds, signal) {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
