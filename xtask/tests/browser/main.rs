//! `report.html` in a real Chromium: it renders, opens, filters, asks the network for nothing, says
//! nothing on the console, keeps names text, and can be used without a mouse and without sight.

mod chromium;
mod runs;

use std::path::Path;

use pinmatrix::model::run::Run;
use pinmatrix::report::html::html;
use serde_json::{Value, json};

use crate::chromium::{DESKTOP, View, Visit, axe, visit, visit_with};
use crate::runs::{HOSTILE, hostile, large, small};

const PHONE: View = View {
    size: (390, 844),
    ..DESKTOP
};

const DARK: View = View {
    is_dark: true,
    ..DESKTOP
};

fn page(run: &Run) -> String {
    html(run, None).expect("a page")
}

/// A visit on which the page behaved: a word on the console or a request is a fault.
fn behaved(visit: Visit) -> Value {
    assert_eq!(visit.console, Vec::<String>::new(), "the console is quiet");
    assert_eq!(visit.requests, Vec::<String>::new(), "nothing is asked for");
    visit.seen
}

fn seen(run: &Run, view: View, script: &str) -> Value {
    behaved(visit(&page(run), view, script))
}

#[test]
fn the_answer_and_the_grid_are_there() {
    let script = "
        const row = all('table.grid tbody')[1].rows[0];
        return {
            answer: one('.answer p').textContent,
            pins: all('.grid thead th').map((th) => th.textContent),
            words: [...row.cells].slice(1).map((td) => td.textContent),
            looks: [...row.cells].slice(1).map((td) => td.className),
            label: row.cells[5].firstChild.getAttribute('aria-label'),
            claims: all('.claims .kind').map((kind) => kind.textContent),
        };";
    assert_eq!(
        seen(&small(), DESKTOP, script),
        json!({
            "answer": "One thing is worse than expected, on stable@gadget-3.0.0: turns test:old, expected passed, found failed(compile) E0425.",
            "pins": ["toolchain", "1.0.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0"],
            "words": ["✔", "≈", "✘ drift", "?", "✘ msrv"],
            "looks": ["passed", "inferred", "drift", "inconclusive", "failed whole change"],
            "label": "1.85, gadget 5.0.0: failed, msrv; one change",
            "claims": ["✔ confirmed", "✘ refuted", "? inconclusive"],
        })
    );
}

#[test]
fn a_click_or_enter_opens_a_cell_and_escape_gives_the_focus_back() {
    let script = "
        const button = one('button[aria-label^=\"stable, gadget 3.0.0\"]');
        button.focus();
        press('Enter');
        const opened = { title: one('#details-title').textContent, focus: document.activeElement.id,
            hash: location.hash, text: one('dialog').textContent };
        one('dialog').requestClose ? one('dialog').requestClose() : one('dialog').close();
        await pause(50);
        const shut = { open: one('dialog').open, focus: label(), hash: location.hash };
        button.click();
        return { opened, shut, again: one('dialog').open };";
    let seen = seen(&small(), DESKTOP, script);
    let opened = &seen["opened"];
    assert_eq!(opened["title"], "stable, gadget 3.0.0");
    assert_eq!(opened["focus"], "details-title");
    assert_eq!(opened["hash"], "#cell=stable%40gadget-3.0.0");
    let text = opened["text"].as_str().expect("text");
    for part in [
        "failed(compile)",
        "1 of 3 targets pass.",
        "expected passed, found failed(compile) E0425",
        "turns test:old breaks: 2.0.0 passed → 3.0.0 failed(compile)",
        "7 |     gadget::turn();",
        "assertion `left == right` failed",
        "flaky: failed 1 of 2 attempts",
        "1 min 1 s",
        "build.log",
        "cargo xtask matrix run --cell stable@gadget-3.0.0 --fresh --out target/matrix/reproduced",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(seen["shut"]["open"], false);
    assert_eq!(
        seen["shut"]["focus"],
        "stable, gadget 3.0.0: failed, test, 2/3 targets; one change; not as expected"
    );
    assert_eq!(seen["shut"]["hash"], "");
    assert_eq!(seen["again"], true);
}

#[test]
fn a_dialog_shuts_on_escape_since_it_is_modal() {
    let script = "
        one('button[aria-label^=\"stable, gadget 3.0.0\"]').click();
        return { modal: one('dialog').matches(':modal') };";
    assert_eq!(seen(&small(), DESKTOP, script), json!({ "modal": true }));
}

#[test]
fn arrows_lead_through_the_grid_and_from_cell_to_cell() {
    let script = "
        one('.grid td button').focus();
        const way = [];
        for (const key of ['ArrowRight', 'ArrowDown', 'End', 'Home', 'ArrowUp', 'ArrowRight']) {
            press(key);
            way.push(label() ?? document.activeElement.textContent);
        }
        const inOrder = all('.grid button[tabindex=\"0\"]').length;
        one('button[aria-label^=\"stable, gadget 3.0.0\"]').click();
        press('ArrowRight');
        return { way, inOrder, next: one('#details-title').textContent };";
    assert_eq!(
        seen(&small(), DESKTOP, script),
        json!({
            "way": [
                "stable, gadget 2.0.0: failed, test, 1/3 targets; one change",
                "turns test:new on stable, gadget 2.0.0: test failed; changes here",
                "turns test:new on stable, gadget 5.0.0: test failed",
                "turns test:new",
                "stable",
                "stable, gadget 1.0.0: passed",
            ],
            "inOrder": 1,
            "next": "stable, gadget 4.0.0",
        })
    );
}

#[test]
fn a_row_opens_into_targets_and_those_into_cases() {
    let script = "
        const lines = () => all('.grid tbody')[0].innerText.split('\\n').map((line) => line.trim().replace(/\\s+/g, ' ')).filter(Boolean).join('|');
        const texts = () => [...all('.grid tbody')[0].rows].map((tr) => [...tr.cells].map((td) => td.textContent).join(' '));
        const open = texts();
        one('.target th button').click();
        const cases = texts();
        one('.target td:nth-of-type(3) button').click();
        const details = one('#details-title').textContent + ': ' + one('.problem[open] summary code').textContent;
        one('dialog').close();
        one('.grid tbody th button').click();
        return { open, cases, details, shut: texts() };";
    let stable = "stable ✔ ✘ 1/3 ✘ 2/3 ✘ 2/3 ✘ 2/3";
    assert_eq!(
        seen(&small(), DESKTOP, script),
        json!({
            "open": [
                stable,
                "turns test:new ✔ ✘ test ✘ test ✘ test ✘ test",
                "turns test:old ✔ ✔ ✘ build ✘ build ✘ build",
                "turns test:steady ✔ ✔ ✔ ✔ ✔",
            ],
            "cases": [
                stable,
                "turns test:new ✔ ✘ test ✘ test ✘ test ✘ test",
                "counts ✔ ✘ test ✘ test ✘ test ✘ test",
                "spins ✔ ✔ ✔ ✔ ✔",
                "waits ✔ ✔ ✔ ✔ ✔",
                "turns test:old ✔ ✔ ✘ build ✘ build ✘ build",
                "turns test:steady ✔ ✔ ✔ ✔ ✔",
            ],
            "details": "stable, gadget 3.0.0: turns test:new",
            "shut": [stable],
        })
    );
}

#[test]
fn search_and_filter_leave_what_is_looked_for() {
    let script = "
        const shown = () => ({
            found: one('#found').textContent,
            lines: all('.grid tbody').filter((b) => !b.hidden).flatMap((b) => [...b.rows]).filter((tr) => !tr.hidden).map((tr) => tr.cells[0].textContent),
            cells: all('.grid tr.opens td:not(.dim)').length,
        });
        const seen = {};
        await type('E0425');
        seen.error = shown();
        await type('1.85 5.0.0');
        seen.place = shown();
        await type('spins');
        seen.case = shown();
        await type('no such thing');
        seen.nothing = shown();
        await type('');
        choose('inferred');
        seen.inferred = shown();
        choose('change');
        seen.change = shown();
        choose('');
        one('#changing').click();
        seen.changing = shown();
        return seen;";
    assert_eq!(
        seen(&small(), DESKTOP, script),
        json!({
            "error": { "found": "3 of 15 cells", "lines": ["stable", "turns test:old"], "cells": 3 },
            "place": { "found": "1 of 15 cells", "lines": ["1.85"], "cells": 1 },
            "case": { "found": "6 of 15 cells", "lines": ["stable", "turns test:new", "1.85"], "cells": 6 },
            "nothing": { "found": "0 of 15 cells", "lines": [], "cells": 0 },
            "inferred": { "found": "1 of 15 cells", "lines": ["1.85"], "cells": 1 },
            "change": { "found": "3 of 15 cells", "lines": ["stable", "turns test:new", "turns test:old", "turns test:steady", "1.85"], "cells": 3 },
            "changing": { "found": "", "lines": ["stable", "turns test:new", "turns test:old", "1.85", "1.99"], "cells": 10 },
        })
    );
}

#[test]
fn an_address_names_a_cell() {
    let view = |hash| View { hash, ..DESKTOP };
    let script =
        "return { open: one('dialog').open, title: one('#details-title')?.textContent ?? '' };";
    let of = |hash| seen(&small(), view(hash), script);
    assert_eq!(
        of("#cell=1.85%40gadget-5.0.0"),
        json!({ "open": true, "title": "1.85, gadget 5.0.0" })
    );
    let nothing = json!({ "open": false, "title": "" });
    assert_eq!(of("#cell=%E0%A4%A"), nothing);
    assert_eq!(of("#cell=<script>"), nothing);
}

/// Opens all that can be opened, and looks for what is no text.
const OPEN_ALL: &str = "
    for (const button of all('.grid th button[aria-expanded=false]')) button.click();
    for (const button of all('.grid th button[aria-expanded=false]')) button.click();
    let longest = 0;
    for (const button of all('.grid td button')) {
        button.click();
        for (const closed of all('dialog details')) closed.open = true;
        longest = Math.max(longest, one('dialog').textContent.length);
    }
    await type('x');
    await type('');
    await pause(100);";

#[test]
fn hostile_names_stay_text() {
    let script = format!(
        "{OPEN_ALL}
        return {{
            hacked: window.hacked ?? null,
            foreign: all('img, iframe, object, embed, link[rel=stylesheet]').length,
            scripts: all('script').length,
            handlers: all('*').filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length,
            links: all('a').map((a) => a.protocol).filter((p) => p !== 'file:').length,
            row: one('.grid tbody th').textContent,
            is_short: longest < 200000,
            targets: all('.target').length,
        }};"
    );
    let run = hostile();
    let page = page(&run);
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    let seen = behaved(visit(&page, DESKTOP, &script));
    let mut expected = json!({
        "hacked": null,
        "foreign": 0,
        // The data, the page's own, and the one that looks.
        "scripts": 3,
        "handlers": 0,
        "links": 0,
        "is_short": true,
        "targets": 6,
    });
    expected["row"] = Value::String(format!("stable{HOSTILE}"));
    assert_eq!(seen, expected);
}

#[test]
fn a_request_would_be_seen() {
    let script = "await fetch('https://example.invalid/x').catch(() => 0); return {};";
    let open = page(&small()).replace("default-src 'none'", "default-src *");
    assert!(
        !visit(&open, DESKTOP, script).requests.is_empty(),
        "the log tells"
    );
    let closed = visit(&page(&small()), DESKTOP, script);
    assert!(closed.requests.is_empty(), "{:?}", closed.requests);
    assert!(!closed.console.is_empty(), "the policy speaks up");
}

#[test]
fn dark_and_light_differ_and_are_what_the_system_asks_for() {
    let script = "
        const color = (selector) => getComputedStyle(one(selector)).backgroundColor;
        return [color('html'), color('td.passed')];";
    let (light, dark) = (
        seen(&small(), DESKTOP, script),
        seen(&small(), DARK, script),
    );
    assert_eq!(light[0], "rgb(255, 255, 255)");
    assert_eq!(dark[0], "rgb(13, 17, 23)");
    assert_ne!(light[1], dark[1]);
}

#[test]
fn a_phone_scrolls_the_grid_and_not_the_page() {
    let script = "
        const wide = () => document.documentElement.scrollWidth - innerWidth;
        const page = wide();
        const scroll = one('.scroll');
        scroll.scrollLeft = 200;
        const head = one('.grid tbody th').getBoundingClientRect().left - scroll.getBoundingClientRect().left;
        one('.grid td button').click();
        const dialog = one('dialog').getBoundingClientRect();
        return { width: innerWidth, page, scrolls: scroll.scrollWidth > scroll.clientWidth,
            head, details: [dialog.left, dialog.width], open: wide() };";
    let phone = seen(&large(3, 20, 10), PHONE, script);
    assert_eq!(
        phone,
        json!({ "width": 390, "page": 0, "scrolls": true, "head": 0, "details": [0, 390], "open": 0 })
    );
}

#[test]
fn axe_finds_no_serious_fault() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a root");
    let axe = axe(root);
    let script = "
        const faults = async (where) => {
            const { violations } = await axe.run(document, { resultTypes: ['violations'] });
            return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
                .map(({ id, nodes }) => `${where}: ${id}: ${nodes.slice(0, 3).map((n) => n.html + ' ' + (n.any[0]?.message ?? '')).join(' | ')}`);
        };
        for (const shut of all('details')) shut.open = true;
        for (const button of all('.grid th button[aria-expanded=false]')) button.click();
        const found = await faults('page');
        for (const status of ['stable, gadget 3.0.0', '1.85, gadget 2.0.0', '1.85, gadget 4.0.0']) {
            one(`button[aria-label^='${status}']`).click();
            for (const shut of all('dialog details')) shut.open = true;
            found.push(...await faults(status));
        }
        return { found, rules: axe.getRules().length > 50 };";
    for view in [DESKTOP, DARK, PHONE] {
        let visit = visit_with(&page(&small()), view, script, Some(&axe));
        assert_eq!(
            visit.seen,
            json!({ "found": [], "rules": true }),
            "{view:?}"
        );
        assert_eq!(visit.console, Vec::<String>::new());
    }
}

#[test]
fn a_thousand_cells_of_a_hundred_cases_are_below_a_megabyte() {
    let run = large(40, 25, 100);
    assert_eq!(run.cells.len(), 1000);
    let page = page(&run);
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    println!("1,000 cells: {} bytes", page.len());
    let script = "return { cells: all('.grid tr.opens td').length };";
    assert_eq!(
        behaved(visit(&page, DESKTOP, script)),
        json!({ "cells": 1000 })
    );
}

#[test]
fn ten_thousand_cells_stay_smooth() {
    let page = page(&large(100, 100, 100));
    let script = "
        const timed = async (work) => {
            const begin = performance.now();
            await work();
            document.body.offsetHeight;
            return performance.now() - begin;
        };
        const cell = all('.grid td button')[5050];
        const load = performance.timing.loadEventEnd;
        return {
            open: await timed(() => cell.click()),
            shut: await timed(() => one('dialog').close()),
            row: await timed(() => all('.grid th button[aria-expanded=false]')[0].click()),
            filter: await timed(() => { one('#search').value = 'E0599 part_4'; applyFilter(); }),
        };";
    let seen = behaved(visit(&page, DESKTOP, script));
    println!("10,000 cells: {} bytes, milliseconds: {seen}", page.len());
    for (what, took) in seen.as_object().expect("times") {
        // Ten times what a small machine takes: it is another order of growth that would show.
        assert!(took.as_f64().expect("a time") < 5000.0, "{what}: {took} ms");
    }
}
