// The outcome of one cell, beside the grid.

const dialog = document.getElementById('details');
let openId = null;
let opened = null;

const section = (title, ...children) => [make('h3', {}, title), ...children];

const list = (lines) => make('ul', {}, ...lines.map((line) => make('li', {}, line)));

// A link to a file of the results folder, whatever its path says.
const logLink = (path) =>
  make('a', { href: './' + path.split('/').map(encodeURIComponent).join('/') }, path.split('/').at(-1));

const errorParts = ([code, place, message, rendered]) => {
  const said = [text(code), text(place), text(message)].filter(Boolean).join(' ');
  return rendered === null
    ? [make('p', {}, said)]
    : [make('pre', { tabindex: '0' }, text(rendered))];
};

const caseParts = ([name, status, output, flaky]) => {
  const said = flaky === null ? text(status) : `${text(status)}, ${text(flaky)}`;
  const parts = [make('p', {}, make('code', {}, text(name)), ` ${said}`)];
  if (output !== null) parts.push(make('pre', { tabindex: '0' }, text(output)));
  return parts;
};

// One line for what a target showed: its first error, or its first case that did not pass.
const headline = ({ errors, cases }) => {
  if (errors.length > 0) {
    const [code, place, message] = errors[0];
    return [text(code), text(place), text(message)].filter(Boolean).join(' ');
  }
  return cases.length > 0 ? text(cases[0][0]) + (cases.length > 1 ? ` and ${cases.length - 1} more` : '') : '';
};

const problemPart = (family, number, isOpen) => {
  const problem = data.problems[number];
  const name = problem.target === null ? 'the cell' : text(data.families[family].targets[problem.target].name);
  const summary = make('summary', {}, make('code', {}, name), ` ${text(problem.status)} `,
    make('span', { class: 'facts' }, headline(problem)));
  const part = make('details', { class: 'problem', open: isOpen ? '' : undefined }, summary);
  const [first, ...more] = problem.errors;
  if (first) part.append(...errorParts(first));
  if (more.length > 0) {
    const rest = more.flatMap(errorParts);
    const title = more.length === 1 ? 'one more error' : `${more.length} more errors`;
    part.append(make('details', {}, make('summary', {}, title), ...rest));
  }
  for (const one of problem.cases) part.append(...caseParts(one));
  return part;
};

// Whether a target's status changes at a cell.
const changesAt = ({ family, row, pin }, number) => {
  const way = data.families[family].rows[row].targets.find(([target]) => target === number);
  return way !== undefined && data.ways[way[1]][1][pin] !== ' ';
};

// Of several problems the one to read first: what was asked for, else what is new here.
const firstOf = (cell, problems) => {
  const of = (is) => problems.findIndex((number) => is(data.problems[number].target));
  const asked = of((target) => target === cell.target);
  const changed = of((target) => changesAt(cell, target));
  return cell.target !== undefined && asked >= 0 ? asked : Math.max(changed, 0);
};

const problemsPart = (cell, problems) => {
  if (problems.length === 0) return [];
  const first = firstOf(cell, problems);
  const parts = problems.map((number, at) => problemPart(cell.family, number, at === first));
  return section('What did not pass, or not at once', ...parts);
};

const seconds = (value) => (value < 60 ? `${value.toFixed(1)} s` : `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`);

const phasesPart = (id, phases) => {
  if (!phases?.length) return [];
  const head = make('tr', {}, ...['phase', 'ended', 'wall', 'CPU', 'log'].map((word) => make('th', { scope: 'col' }, word)));
  const lines = phases.map(([phase, exit, wall, cpu, log]) => {
    const path = log === null ? `logs/${id}/${phase}.log` : text(log);
    return make('tr', {}, make('td', {}, phase), make('td', {}, text(exit)), make('td', {}, seconds(wall)),
      make('td', {}, seconds(cpu)), make('td', {}, logLink(path)));
  });
  return section('Times and logs', make('table', { class: 'list' }, make('thead', {}, head), make('tbody', {}, ...lines)));
};

const lockPart = (cell, lock) => {
  if (!lock) return [];
  const [from, number] = lock;
  const lines = data.locks[number].map(text);
  const before = data.families[cell.family].pins[from];
  if (lines.length === 0) return section('Lock', make('p', {}, `The same packages as at ${before}.`));
  const summary = make('summary', {}, `${lines.length} packages differ from ${before}`);
  return section('Lock', make('details', {}, summary, list(lines)));
};

const passedPart = (cell) => {
  const { targets } = data.families[cell.family].rows[cell.row];
  const letters = targets.map(([, way]) => [...data.ways[way][0]][cell.pin]);
  const ran = letters.filter((letter) => letter !== '·' && letter !== '≈').length;
  const passed = letters.filter((letter) => letter === '✔').length;
  return ran === 0 ? [] : [make('p', { class: 'facts' }, `${passed} of ${ran} targets pass.`)];
};

const step = (cell, word, row, pin) => {
  const to = { family: cell.family, row: cell.row + row, pin: cell.pin + pin, target: cell.target };
  const button = make('button', { type: 'button' }, word);
  const there = buttonOf(to);
  button.disabled = !there || to.pin < 0;
  if (!button.disabled) button.setAttribute('aria-label', cellName(to));
  button.addEventListener('click', () => openCell(to, there));
  return button;
};

const headerPart = (cell) => {
  const shut = make('button', { type: 'button' }, 'Close');
  shut.addEventListener('click', () => dialog.close());
  return make('header', {}, make('h2', { id: 'details-title', tabindex: '-1' }, cellName(cell)),
    step(cell, '←', 0, -1), step(cell, '→', 0, 1), step(cell, '↑', -1, 0), step(cell, '↓', 1, 0), shut);
};

const WHY = {
  inferred: 'No one ran this cell. Its nearest neighbours that ran agree, so it is taken to be like them; it may differ all the same. --full settles it.',
  built: 'It was built. Nothing here runs executables of its platform, so no test ran.',
  skipped: 'This cell was not run.',
  inconclusive: 'The machine kept this cell from an answer. That says nothing of the code, and the next run tries it again.',
  drift: 'A package outside the family is too new for the toolchain, or does not build on it. That says nothing about the pin.',
};

const lookOf = (cell) => buttonOf(cell)?.closest('td').classList ?? new Set();

// Beside the grid where there is room for both, so that it stays in reach; over it on a phone.
const isNarrow = matchMedia('(max-width: 640px)');
const show = () => (isNarrow.matches ? dialog.showModal() : dialog.show());

// Fills the dialog with a cell and shows it; `from` is what gets the focus back.
const openCell = (cell, from) => {
  const it = shown(cell);
  const look = lookOf(cell);
  const kind = ['passed', 'failed', 'drift', 'inconclusive', 'inferred', 'built', 'skipped'].find((name) => look.contains(name)) ?? 'skipped';
  const id = cellId(cell);
  const [before, behind] = data.command;
  dialog.replaceChildren(
    headerPart(cell),
    make('p', {}, make('span', { class: `badge ${kind}` }, text(it.status)), it.reused ? ' taken over from an earlier run' : ''),
    ...(WHY[kind] && !text(it.status).startsWith('missing') ? [make('p', {}, WHY[kind])] : []),
    ...passedPart(cell),
    ...(it.deviations ? section('Not as expected', list(it.deviations.map(text))) : []),
    ...(it.changes ? section('What changes here', list(it.changes.map(text))) : []),
    ...section(it.phases?.length ? 'Run it again' : 'Run it', make('pre', { class: 'command', tabindex: '0' }, `${before}${id}${behind}`)),
    ...problemsPart(cell, it.problems ?? []),
    ...phasesPart(id, it.phases),
    ...lockPart(cell, it.lock),
    ...(it.old_lock ? section('What does not compile with your lock as it is', list(it.old_lock.map(text))) : []),
    ...(it.copies ? section('Other versions of family crates', list(it.copies.map(text))) : []),
    ...(it.moved ? section('Moved back in the lock to fit the toolchain', list(it.moved.map(text))) : []),
  );
  opened?.removeAttribute('aria-current');
  from?.setAttribute('aria-current', 'true');
  openId = id;
  opened = from;
  if (!dialog.open) show();
  dialog.querySelector('h2').focus();
  dialog.scrollTop = 0;
  if (cell.target !== undefined) dialog.querySelector('.problem[open]')?.scrollIntoView();
  remember(`#cell=${encodeURIComponent(id)}`);
};

// Puts the open cell into the address; where that is forbidden, the page works without.
const remember = (hash) => {
  try {
    history.replaceState(null, '', hash || location.pathname + location.search);
  } catch {
    // A page in a sandboxed frame must not change its address.
  }
};

dialog.addEventListener('close', () => {
  openId = null;
  remember('');
  opened?.removeAttribute('aria-current');
  opened?.focus();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && dialog.open) dialog.close();
});
dialog.addEventListener('keydown', (event) => {
  const steps = { ArrowLeft: 0, ArrowRight: 1 };
  if (event.target.closest('pre') || !(event.key in steps)) return;
  dialog.querySelectorAll('header button')[steps[event.key]].click();
});

// Shows the cell that the address names.
const follow = () => {
  const [, named] = /^#cell=(.*)$/.exec(location.hash) ?? [];
  if (named === undefined) return;
  let id = named;
  try {
    id = decodeURIComponent(named);
  } catch {
    // What is no such encoding names itself.
  }
  const cell = id === openId ? null : findCell(id);
  if (cell) openCell(cell, buttonOf(cell));
};
