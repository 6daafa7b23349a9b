// What JupyterLab loads first: the container of a prebuilt extension, by hand. Its contract is
// that of webpack's module federation: `init` is given the modules that Lab shares, `get` gives
// ours. No build makes this file; the others beside it are plain ES modules.
(() => {
  const here = document.currentScript.src;
  let shared = {};

  /** A module that Lab shares; of several versions the one that is in use already. */
  async function use(name) {
    const versions = Object.values(shared[name] ?? {});
    const found = versions.find(one => one.loaded) ?? versions.at(-1);
    if (!found) {
      throw new Error(`This JupyterLab shares no ${name}; abaco-jupyter needs JupyterLab 4.`);
    }
    return (await found.get())();
  }

  async function extension() {
    const { plugin } = await import(new URL('plugin.js', here).href);
    const made = await plugin(use);
    return { __esModule: true, default: made };
  }

  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB['abaco_jupyter'] = {
    init: scope => {
      shared = scope;
    },
    get: async () => {
      const module = await extension();
      return () => module;
    }
  };
})();
