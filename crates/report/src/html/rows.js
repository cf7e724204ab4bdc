// Rows that open into targets and those into cases, and the way through a grid by keyboard.

const grids = [...document.querySelectorAll('table.grid')];

// The element of a cell, and the cell of an element.
const buttonOf = ({ family, row, pin }) =>
  grids[family]?.tBodies[row]?.rows[0].cells[pin + 1]?.querySelector('button');

const placeOf = (element) => {
  const td = element.closest('td');
  const body = element.closest('tbody');
  const table = element.closest('table.grid');
  if (!td || !body || !table) return null;
  const tr = td.parentElement;
  return {
    family: grids.indexOf(table),
    row: [...table.tBodies].indexOf(body),
    pin: td.cellIndex - 1,
    target: tr.dataset.target === undefined ? undefined : Number(tr.dataset.target),
  };
};

const opener = (name) =>
  make('button', { type: 'button', tabindex: '-1', 'aria-expanded': 'false' }, name);

// A line of the grid that goes one way.
const wayRow = (kind, family, row, target, name, way, opens) => {
  const { name: familyName, pins, rows } = data.families[family];
  const tr = make('tr', { class: kind, 'data-target': target });
  tr.append(make('th', { scope: 'row', title: name }, opens ? opener(name) : name));
  for (const [pin, { letter, mark }] of places(way).entries()) {
    const [word, meaning, look] = data.words[letter];
    const change = { ' ': '', '|': ' change exact', ':': ' change' }[mark];
    const also = change && (mark === '|' ? '; changes here' : '; changed since the last that ran');
    const label = `${name} on ${rows[row].name}, ${familyName} ${pins[pin]}: ${meaning}${also}`;
    const button = make('button', { type: 'button', tabindex: '-1', 'aria-label': label }, word);
    tr.append(make('td', { class: look + change }, button));
  }
  return tr;
};

const targetRows = (family, row) => {
  const { targets, rows } = data.families[family];
  return rows[row].targets.map(([target, way]) => {
    const { name, cases } = targets[target];
    return wayRow('target', family, row, target, text(name), way, cases.length > 0);
  });
};

const caseRows = (family, row, target) => {
  const [, way, ways] = data.families[family].rows[row].targets.find(([at]) => at === target);
  const { cases } = data.families[family].targets[target];
  return cases.map((name, at) =>
    wayRow('case', family, row, target, text(name), ways[at] ?? way, false));
};

// Opens or shuts what is below a line of the grid.
const toggle = (button) => {
  const tr = button.closest('tr');
  const body = tr.parentElement;
  const opens = button.getAttribute('aria-expanded') === 'false';
  button.setAttribute('aria-expanded', String(opens));
  const table = tr.closest('table');
  const [family, row] = [grids.indexOf(table), [...table.tBodies].indexOf(body)];
  const { target } = tr.dataset;
  if (!opens) {
    const below = target === undefined ? 'tr + tr' : `tr.case[data-target="${target}"]`;
    for (const line of body.querySelectorAll(below)) line.remove();
  } else if (target === undefined) {
    body.append(...targetRows(family, row));
  } else {
    tr.after(...caseRows(family, row, Number(target)));
  }
  applyFilter();
};

// One button of each grid is in the order of tabs; arrows lead from there.
const rove = (table, button) => {
  table.querySelector('button[tabindex="0"]')?.setAttribute('tabindex', '-1');
  button.setAttribute('tabindex', '0');
};

const isShown = (tr) => !tr.hidden && !tr.parentElement.hidden;

// The next line that is shown, up or down.
const nextLine = (tr, step) => {
  const lines = [...tr.closest('table').querySelectorAll('tbody > tr')];
  for (let at = lines.indexOf(tr) + step; at >= 0 && at < lines.length; at += step) {
    if (isShown(lines[at])) return lines[at];
  }
  return null;
};

// The place that a key leads to from a button.
const target = (button, key) => {
  const place = button.closest('th, td');
  const tr = place.parentElement;
  const across = { ArrowLeft: place.cellIndex - 1, ArrowRight: place.cellIndex + 1, Home: 0, End: tr.cells.length - 1 };
  if (key in across) return tr.cells[across[key]];
  const line = nextLine(tr, key === 'ArrowUp' ? -1 : 1);
  return line?.cells[place.cellIndex];
};

for (const [family, table] of grids.entries()) {
  for (const button of table.querySelectorAll('button')) button.tabIndex = -1;
  for (const body of table.querySelectorAll('tbody')) {
    const head = body.rows[0].cells[0];
    if (body.rows[0].classList.contains('opens')) head.replaceChildren(opener(head.textContent));
  }
  table.querySelector('td button')?.setAttribute('tabindex', '0');
  table.addEventListener('keydown', (event) => {
    if (!/^(Arrow.*|Home|End)$/.test(event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
    const button = event.target.closest('button');
    const next = button && target(button, event.key)?.querySelector('button');
    if (!button) return;
    event.preventDefault();
    next?.focus();
  });
  table.addEventListener('focusin', (event) => {
    const button = event.target.closest('button');
    if (button) rove(table, button);
  });
  table.addEventListener('pointerover', (event) => {
    const button = event.target.closest('td button');
    if (button && !button.title) button.title = button.getAttribute('aria-label');
  });
  table.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    if (button.hasAttribute('aria-expanded')) toggle(button);
    else openCell(placeOf(button), button);
  });
}

// A grid that is wider than the page stands in a frame, which shows that it scrolls.
for (const frame of document.querySelectorAll('.family .scroll')) {
  const look = () => frame.classList.toggle('overflows', frame.scrollWidth > frame.clientWidth);
  const observer = new ResizeObserver(look);
  observer.observe(frame);
  observer.observe(frame.firstElementChild);
}
