// What the data says. Its numbers lead into lists; only text ever goes into the page.
'use strict';

const data = JSON.parse(document.getElementById('data').textContent);

const text = (number) => (number === null || number === undefined ? '' : data.texts[number]);

const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

// A way's places: the letters, each with the mark beside it.
const places = (number) => {
  const [letters, marks] = data.ways[number];
  return [...letters].map((letter, at) => ({ letter, mark: marks[at] }));
};

// A way on which nothing changes and nothing fails.
const isClean = (number) => /^[✔≈·]*$/u.test(data.ways[number][0]);

// A cell's place in the data: family, row, pin.
const cellId = ({ family, row, pin }) => {
  const { name, pins, rows } = data.families[family];
  const { name: rowName, suffix } = rows[row];
  const toolchain = rowName.slice(0, rowName.length - suffix.length);
  return `${toolchain}@${name}-${pins[pin]}${suffix}`;
};

const cellName = ({ family, row, pin }) => {
  const { name, pins, rows } = data.families[family];
  return `${rows[row].name}, ${name} ${pins[pin]}`;
};

// What is known of a cell: at the least its status.
const shown = ({ family, row, pin }) => {
  const place = data.families[family].rows[row].cells[pin];
  return typeof place === 'number' ? { status: place } : place;
};

const findCell = (id) => {
  for (const [family, { rows, pins }] of data.families.entries()) {
    for (const row of rows.keys()) {
      for (const pin of pins.keys()) {
        if (cellId({ family, row, pin }) === id) return { family, row, pin };
      }
    }
  }
  return null;
};
