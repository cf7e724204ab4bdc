// What of the grids is shown: by text, by status, and whether it changes at all.

const search = document.getElementById('search');
const status = document.getElementById('status');
const changing = document.getElementById('changing');
const found = document.getElementById('found');

const has = (text, word) => text.toLowerCase().includes(word);

// For each word: which families' targets have it in their name or that of a case, and which problems.
const lookup = (word) => ({
  word,
  targets: data.families.map(({ targets }) =>
    targets.map(({ name, cases }) => has(text(name), word) || cases.some((one) => has(text(one), word)))),
  problems: data.problems.map(({ status: said, errors, cases }) =>
    has(text(said), word) ||
    errors.some((error) => error.slice(0, 3).some((part) => has(text(part), word))) ||
    cases.some(([name, , output]) => has(text(name), word) || has(text(output), word))),
});

// Which of a row's targets have what is looked for, at one pin; none where the cell itself has it all.
const matching = (cell, words) => {
  const { name, pins, rows } = data.families[cell.family];
  const row = rows[cell.row];
  const it = shown(cell);
  const around = `${row.name} ${name} ${pins[cell.pin]} ${text(it.status)}`;
  const left = words.filter(({ word }) => !has(around, word));
  if (left.length === 0) return { all: true };
  const problems = it.problems ?? [];
  const of = (target, { targets, problems: known }) =>
    (target !== null && targets[cell.family][target]) ||
    problems.some((number) => known[number] && data.problems[number].target === target);
  const reached = row.targets.filter(([, way]) => !'·≈'.includes(data.ways[way][0][cell.pin]));
  const targets = new Set(reached.map(([target]) => target).filter((target) => left.every((one) => of(target, one))));
  return { targets, whole: left.every((one) => of(null, one)) };
};

// Hides targets, and cases with them, that have nothing of what is looked for.
const filterLines = (body, family, row, wanted) => {
  const ways = new Map(data.families[family].rows[row].targets.map(([target, way, cases]) => [target, [way, ...cases]]));
  for (const tr of [...body.rows].slice(1)) {
    const target = Number(tr.dataset.target);
    const isStill = changing.checked && ways.get(target).every(isClean);
    tr.hidden = isStill || (wanted !== null && !wanted.has(target));
  }
};

const applyFilter = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean).map(lookup);
  const kind = status.value;
  let [n, all] = [0, 0];
  for (const [family, table] of grids.entries()) {
    for (const [row, body] of [...table.tBodies].entries()) {
      const wanted = new Set();
      let [any, everything] = [false, words.length === 0];
      for (const td of [...body.rows[0].cells].slice(1)) {
        const isKind = !kind || td.classList.contains(kind);
        const match = isKind && (words.length === 0 ? { all: true } : matching({ family, row, pin: td.cellIndex - 1 }, words));
        const isFound = match && (match.all || match.whole || match.targets.size > 0);
        td.classList.toggle('dim', !isFound);
        all += 1;
        if (!isFound) continue;
        n += 1;
        any = true;
        everything ||= match.all;
        for (const target of match.targets ?? []) wanted.add(target);
      }
      body.hidden = !any;
      filterLines(body, family, row, everything ? null : wanted);
    }
  }
  found.textContent = words.length || kind ? `${n} of ${all} cells` : '';
};

// Waits for a pause in typing where there is much to look through.
let waiting = 0;
const soon = () => {
  clearTimeout(waiting);
  waiting = setTimeout(applyFilter, 80);
};

document.getElementById('tools').hidden = false;
search.addEventListener('input', soon);
status.addEventListener('change', applyFilter);
changing.addEventListener('change', applyFilter);
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.closest('input, select')) return;
  event.preventDefault();
  search.focus();
});
window.addEventListener('hashchange', follow);

// A small matrix opens at its first row, where most people look.
const OPENED = 40;
const first = document.querySelector('tr.opens > th > button');
if (first && data.families[0].targets.length <= OPENED) toggle(first);
follow();
