// The plugin: the panel in the side bar, commands, and notifications.

import { Notices } from './notices.js';
import { Panel } from './panel.js';
import { Server } from './server.js';
import { World } from './world.js';

const ID = 'abaco_jupyter:panel';
const CATEGORY = 'Abaco';
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">' +
  '<g class="jp-icon3" fill="#616161"><path d="M1 1h1.5v14H1zM13.5 1H15v14h-1.5z"/>' +
  '<path d="M2 3.6h12v.8H2zM2 7.6h12v.8H2zM2 11.6h12v.8H2z"/>' +
  '<circle cx="5" cy="4" r="1.9"/><circle cx="9.3" cy="4" r="1.9"/>' +
  '<circle cx="10.8" cy="8" r="1.9"/><circle cx="4.8" cy="12" r="1.9"/>' +
  '<circle cx="9" cy="12" r="1.9"/></g></svg>';

/** The plugin, made of the modules that Lab shares; `use` gives one by its name. */
export async function plugin(use) {
  const lab = {};
  const wanted = {
    application: '@jupyterlab/application',
    apputils: '@jupyterlab/apputils',
    coreutils: '@jupyterlab/coreutils',
    notebook: '@jupyterlab/notebook',
    services: '@jupyterlab/services',
    settings: '@jupyterlab/settingregistry',
    ui: '@jupyterlab/ui-components',
    widgets: '@lumino/widgets'
  };
  await Promise.all(
    Object.entries(wanted).map(async ([name, module]) => {
      lab[name] = await use(module);
    })
  );
  return {
    id: ID,
    description: 'Actors of this notebook server in a side panel.',
    autoStart: true,
    optional: [
      lab.apputils.ICommandPalette,
      lab.notebook.INotebookTracker,
      lab.application.ILayoutRestorer,
      lab.settings.ISettingRegistry
    ],
    activate: (app, ...found) => activate(app, lab, ...found)
  };
}

function activate(app, lab, palette, notebooks, restorer, registry) {
  const server = new Server(lab.services, lab.coreutils);
  const settings = { notifyAfter: 30 };
  const widget = new lab.widgets.Widget();
  widget.id = 'abaco-actors';
  widget.title.icon = new lab.ui.LabIcon({ name: 'abaco:actors', svgstr: ICON });
  widget.title.caption = 'Actors';
  style();

  const insert = actorId => app.commands.execute('abaco:insert-call', { actor: actorId });
  const panel = new Panel({ node: widget.node, server, insert });
  const world = new World(server, {
    changed: () => panel.changed(),
    ended: execution => notices.take(execution, settings.notifyAfter)
  });
  const notices = new Notices(lab.apputils.Notification, {
    titleOf: actorId => world.titleOf(actorId),
    open: actorId => open(actorId)
  });
  panel.show(world);
  widget.disposed.connect(() => (panel.close(), world.close()));

  function open(actorId) {
    app.shell.activateById(widget.id);
    if (actorId !== undefined) {
      panel.select(actorId);
    }
  }

  addCommands(app, lab, { palette, notebooks, world, open });
  app.shell.add(widget, 'left', { rank: 650, type: 'Abaco' });
  restorer?.add(widget, widget.id);
  void app.restored.then(() => {
    follow(world);
    return registry?.load(ID).then(loaded => {
      const read = () => (settings.notifyAfter = loaded.get('notifyAfter').composite);
      loaded.changed.connect(read);
      read();
    });
  });
}

/** A page that is not looked at lets go of its stream, and catches up when it is. */
function follow(world) {
  const look = () => (document.hidden ? world.close() : world.open());
  document.addEventListener('visibilitychange', look);
  look();
}

function addCommands(app, lab, { palette, notebooks, world, open }) {
  const add = (id, label, caption, execute, isEnabled = () => true) => {
    app.commands.addCommand(id, { label, caption, execute, isEnabled });
    palette?.addItem({ command: id, category: CATEGORY });
  };
  const actorOf = async (args, title) => args.actor ?? (await choose(lab, world, title));

  add('abaco:show-actors', 'Show Actors', 'The actors of this server', () => open());
  add('abaco:open-actor', 'Send a Message to an Actor…', 'Open an actor', async args => {
    const actorId = await actorOf(args, 'Send a message to');
    if (actorId) {
      open(actorId);
    }
  });
  add(
    'abaco:insert-call',
    'Insert Cell That Calls an Actor…',
    'Into the current notebook, below the active cell',
    async args => {
      const panel = notebooks?.currentWidget;
      if (!panel) {
        lab.apputils.Notification.warning('Open a notebook first: the cell goes into it.');
        return;
      }
      const actorId = await actorOf(args, 'Insert a cell that calls');
      if (actorId) {
        insertCall(lab, panel, world, actorId);
      }
    }
  );
}

async function choose(lab, world, title) {
  const actors = world.actorsShown('');
  if (!actors.length) {
    lab.apputils.Notification.info('There are no actors yet. Make one: %%abaco_actor NAME');
    return null;
  }
  const items = actors.map(one => (one.name ? `${one.name} (${one.id})` : one.id));
  const { value } = await lab.apputils.InputDialog.getItem({ title, items });
  return value === null ? null : actors[items.indexOf(value)]?.id;
}

function insertCall(lab, panel, world, actorId) {
  lab.notebook.NotebookActions.insertBelow(panel.content);
  panel.content.activeCell.model.sharedModel.setSource(callOf(world, actorId));
  lab.notebook.NotebookActions.focusActiveCell?.(panel.content);
  panel.content.mode = 'edit';
  panel.activate();
}

/** By its name when that is enough to find it. */
export function callOf(world, actorId) {
  const name = world.actors.get(actorId)?.name;
  const same = [...world.actors.values()].filter(one => one.name === name);
  const variable = name && /^[A-Za-z_]\w*$/.test(name) ? name : 'actor';
  const found = name && same.length === 1 ? name : actorId;
  return (
    'from abaco_jupyter import Abaco\n\n' +
    `${variable} = Abaco().actor(${JSON.stringify(found)})\n${variable}("a message")`
  );
}

function style() {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = new URL('panel.css', import.meta.url).href;
  document.head.append(link);
}
