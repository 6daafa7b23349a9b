// Elements of a page, and lists of them that keep focus and scroll position when they change.

/** An element with properties, `on...` listeners, `aria-...` attributes and children. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), value);
    } else if (name.includes('-') || name === 'role') {
      node.setAttribute(name, value);
    } else {
      node[name] = value;
    }
  }
  node.append(...children);
  return node;
}

/** Set a text only when it is another one: what is selected stays so. */
export function say(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

/** Make the children of `parent` those of `items`, in their order; those that stay are kept. */
export function list(parent, items, make, update) {
  const there = new Map([...parent.children].map(node => [node.dataset.key, node]));
  items.forEach((item, place) => {
    const node = there.get(item.id) ?? make(item);
    node.dataset.key = item.id;
    there.delete(item.id);
    update(node, item);
    if (parent.children[place] !== node) {
      parent.insertBefore(node, parent.children[place] ?? null);
    }
  });
  there.forEach(node => node.remove());
}

/** Up, Down, Home and End go from one button of a list to another. */
export function walk(parent, selector) {
  parent.addEventListener('keydown', event => {
    const all = [...parent.querySelectorAll(selector)];
    const now = all.indexOf(document.activeElement);
    const next = { ArrowUp: now - 1, ArrowDown: now + 1, Home: 0, End: all.length - 1 }[event.key];
    if (now >= 0 && all[next]) {
      event.preventDefault();
      all[next].focus();
    }
  });
}
