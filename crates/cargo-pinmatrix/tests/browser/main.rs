//! `report.html` in a real Chromium: it renders, opens, filters, asks the network for nothing, says
//! nothing on the console, keeps names text, and can be used without a mouse and without sight.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests start the program as a person does, and print"
)]

mod chromium;
mod large;
mod runs;

use std::path::Path;

use pinmatrix_core::analysis::Analysis;
use pinmatrix_core::model::run::Run;
use pinmatrix_report::html::html;
use serde_json::{Value, json};

use crate::chromium::{Tab, View, axe};
use crate::runs::{HOSTILE, hostile, small};

const DESKTOP: View = View {
    size: (1280, 900),
    is_dark: false,
    has_scripts: true,
    hash: "",
};

const DARK: View = View {
    is_dark: true,
    ..DESKTOP
};

const PHONE: View = View {
    size: (390, 844),
    ..DESKTOP
};

fn page(run: &Run) -> String {
    html(&Analysis::of(run), None).expect("a page")
}

fn open(run: &Run, view: View) -> Tab {
    Tab::open(&page(run), view)
}

/// The button of a cell, by the beginning of what it says.
fn cell(name: &str) -> String {
    format!("tr.opens button[aria-label^='{name}:']")
}

#[test]
fn the_answer_and_the_grid_are_there() {
    let mut tab = open(&small(), DESKTOP);
    let seen = tab.look(
        "{
            answer: one('.answer p').textContent,
            pins: all('.grid thead th').map((th) => th.textContent),
            words: all('.grid tbody:nth-of-type(2) td').map((td) => td.textContent),
            looks: all('.grid tbody:nth-of-type(2) td').map((td) => td.className),
            label: all('.grid tbody:nth-of-type(2) button').at(-1).getAttribute('aria-label'),
            claims: all('.claims .kind').map((kind) => kind.textContent),
            plots: all('svg.stairs .line').length + ' ' + all('svg.lanes rect').length,
        }",
    );
    assert_eq!(
        seen,
        json!({
            "answer": "One thing is worse than expected, on stable@gadget-3.0.0: turns test:old, expected passed, found failed(compile) E0425.",
            "pins": ["toolchain", "1.0.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0"],
            "words": ["✔", "≈", "✘ drift", "?", "✘ msrv"],
            "looks": ["passed", "inferred", "drift", "inconclusive", "failed whole change"],
            "label": "1.85, gadget 5.0.0: failed, msrv; one change",
            "claims": ["✔ confirmed", "✘ refuted", "? inconclusive"],
            "plots": "3 30",
        })
    );
    tab.check();
}

#[test]
fn without_scripts_all_but_what_opens_is_there() {
    let view = View {
        has_scripts: false,
        ..DESKTOP
    };
    let mut tab = open(&small(), view);
    let seen = tab.run(
        "[...document.querySelectorAll('h2')].filter((e) => e.checkVisibility()).map((e) => e.textContent)
            .concat(document.querySelectorAll('.grid td').length, document.querySelector('#tools').checkVisibility())",
    );
    let titles = [
        "Not as expected",
        "gadget",
        "Not tested",
        "Left to do at gadget 5.0.0",
        "Claims",
        "What changes",
        "Least toolchain of gadget",
        "Where the time went",
        "Flaky",
        "Toolchains",
    ];
    let mut expected: Vec<Value> = titles.map(Value::from).to_vec();
    expected.extend([json!(15), json!(false)]);
    assert_eq!(seen, json!(expected));
}

/// What the open dialog says has all of these parts.
fn assert_shown(tab: &mut Tab, parts: &[&str]) {
    let text = tab.look("one('dialog[open]').textContent");
    let text = text.as_str().expect("an open dialog");
    for part in parts {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn enter_opens_a_cell_and_escape_gives_the_focus_back() {
    let mut tab = open(&small(), DESKTOP);
    tab.look(&format!(
        "one(\"{}\").focus()",
        cell("stable, gadget 3.0.0")
    ));
    tab.key("Enter");
    assert_shown(
        &mut tab,
        &[
            "stable, gadget 3.0.0",
            "failed(test)",
            "1 of 3 targets pass.",
            "expected passed, found failed(compile) E0425",
            "turns test:old breaks: 2.0.0 passed → 3.0.0 failed(compile)",
            "7 |     gadget::turn();",
            "assertion `left == right` failed",
            "flaky: failed 1 of 2 attempts",
            "1 min 1 s",
            "build.log",
            "cargo xtask matrix repro stable@gadget-3.0.0",
        ],
    );
    let where_it_is = "[document.activeElement.id, location.hash]";
    let opened = json!(["details-title", "#cell=stable%40gadget-3.0.0"]);
    assert_eq!(tab.look(where_it_is), opened);
    tab.key("Escape");
    // What follows from closing comes after it, whenever the browser gets to it.
    tab.run(
        "new Promise((done) => {
            const look = () => (location.hash ? setTimeout(look, 10) : done());
            look();
        })",
    );
    assert_eq!(
        tab.look("[one('dialog').open, label()]"),
        json!([
            false,
            "stable, gadget 3.0.0: failed, test, 2/3 targets; one change; not as expected"
        ])
    );
    tab.check();
}

#[test]
fn a_click_opens_a_cell_and_the_dialog_says_why_one_did_not_run() {
    let mut tab = open(&small(), DESKTOP);
    tab.click(&cell("1.85, gadget 2.0.0"));
    assert_shown(&mut tab, &["skipped(inferred)", "No one ran this cell."]);
    tab.click("dialog header button:nth-of-type(2)");
    assert_shown(
        &mut tab,
        &[
            "1.85, gadget 3.0.0",
            "failed(drift)",
            "That says nothing about the pin.",
        ],
    );
    // The grid stays in reach.
    tab.click(&cell("1.85, gadget 1.0.0"));
    let current = "all('[aria-current]').map((button) => button.getAttribute('aria-label'))";
    assert_eq!(tab.look(current), json!(["1.85, gadget 1.0.0: passed"]));
    assert_shown(
        &mut tab,
        &["relay 0.1.26 → 0.1.25, since archive 0.5.1 needs rustc 1.90.0"],
    );
    tab.check();
}

#[test]
fn arrows_lead_through_the_grid_and_from_cell_to_cell() {
    let mut tab = open(&small(), DESKTOP);
    tab.look("one('.grid td button').focus()");
    let keys = [
        "ArrowRight",
        "ArrowDown",
        "End",
        "Home",
        "ArrowUp",
        "ArrowRight",
    ];
    let way = keys.map(|key| {
        tab.key(key);
        tab.look("label()")
    });
    assert_eq!(
        json!(way),
        json!([
            "stable, gadget 2.0.0: failed, test, 1/3 targets; one change",
            "turns test:new on stable, gadget 2.0.0: test failed; changes here",
            "turns test:new on stable, gadget 5.0.0: test failed",
            "turns test:new",
            "stable",
            "stable, gadget 1.0.0: passed",
        ])
    );
    assert_eq!(tab.look("all('.grid button[tabindex=\"0\"]').length"), 1);
    tab.key("Enter");
    tab.key("ArrowRight");
    assert_eq!(
        tab.look("one('#details-title').textContent"),
        "stable, gadget 2.0.0"
    );
    tab.check();
}

#[test]
fn tab_leads_past_a_grid_at_once() {
    let mut tab = open(&small(), DESKTOP);
    tab.look("one('.grid td button').focus()");
    tab.key("Tab");
    assert_eq!(
        tab.look("document.activeElement.closest('.grid') === null"),
        true
    );
    tab.key("/");
    assert_eq!(tab.look("document.activeElement.id"), "search");
    tab.check();
}

#[test]
fn a_row_opens_into_targets_and_those_into_cases() {
    let mut tab = open(&small(), DESKTOP);
    let lines = "[...one('.grid tbody').rows].map((tr) => [...tr.cells].map((td) => td.textContent).join(' '))";
    let stable = "stable ✔ ✘ 1/3 ✘ 2/3 ✘ 2/3 ✘ 2/3";
    let new = "turns test:new ✔ ✘ test ✘ test ✘ test ✘ test";
    let old = "turns test:old ✔ ✔ ✘ build ✘ build ✘ build";
    let steady = "turns test:steady ✔ ✔ ✔ ✔ ✔";
    assert_eq!(
        tab.look(lines),
        json!([stable, new, old, steady]),
        "the first row is open"
    );
    tab.click(".target th button");
    let cases = [
        "counts ✔ ✘ test ✘ test ✘ test ✘ test",
        "spins ✔ ✔ ✔ ✔ ✔",
        "waits ✔ ✔ ✔ ✔ ✔",
    ];
    assert_eq!(
        tab.look(lines),
        json!([stable, new, cases[0], cases[1], cases[2], old, steady])
    );
    tab.click(".target:nth-of-type(6) td:nth-of-type(4) button");
    let open = "[one('#details-title').textContent, one('.problem[open] code').textContent]";
    assert_eq!(
        tab.look(open),
        json!(["stable, gadget 4.0.0", "turns test:old"])
    );
    tab.key("Escape");
    tab.click(".grid tbody th button");
    assert_eq!(tab.look(lines), json!([stable]));
    tab.check();
}

#[test]
fn search_and_filter_leave_what_is_looked_for() {
    let mut tab = open(&small(), DESKTOP);
    let shown = "{
        found: one('#found').textContent,
        lines: all('.grid tbody tr').filter((tr) => tr.getClientRects().length).map((tr) => tr.cells[0].textContent),
        cells: all('.grid tr.opens td:not(.dim)').length,
    }";
    let search = |tab: &mut Tab, text: &str| {
        tab.look("one('#search').select()");
        tab.look("one('#search').focus()");
        tab.look("(one('#search').value = '', 0)");
        tab.write(text);
        tab.look("new Promise((done) => setTimeout(done, 200))");
        tab.look(shown)
    };
    let expected = |found: &str, lines: &[&str], n: usize| json!({ "found": found, "lines": lines, "cells": n });
    assert_eq!(
        search(&mut tab, "E0425"),
        expected("3 of 15 cells", &["stable", "turns test:old"], 3)
    );
    assert_eq!(
        search(&mut tab, "1.85 5.0.0"),
        expected("1 of 15 cells", &["1.85"], 1)
    );
    let of_case = expected("6 of 15 cells", &["stable", "turns test:new", "1.85"], 6);
    assert_eq!(search(&mut tab, "spins"), of_case);
    assert_eq!(
        search(&mut tab, "no such thing"),
        expected("0 of 15 cells", &[], 0)
    );
    search(&mut tab, " ");
    let choose = |tab: &mut Tab, status: &str| {
        tab.look(&format!(
            "(one('#status').value = '{status}', one('#status').dispatchEvent(new Event('change')))"
        ));
        tab.look(shown)
    };
    assert_eq!(
        choose(&mut tab, "inferred"),
        expected("1 of 15 cells", &["1.85"], 1)
    );
    let targets = [
        "stable",
        "turns test:new",
        "turns test:old",
        "turns test:steady",
        "1.85",
    ];
    assert_eq!(
        choose(&mut tab, "change"),
        expected("3 of 15 cells", &targets, 3)
    );
    choose(&mut tab, "");
    tab.click("#changing");
    let changing = ["stable", "turns test:new", "turns test:old", "1.85", "1.99"];
    assert_eq!(tab.look(shown), expected("", &changing, 10));
    tab.check();
}

#[test]
fn an_address_names_a_cell() {
    let of = |hash| {
        let mut tab = open(&small(), View { hash, ..DESKTOP });
        tab.check();
        tab.look("one('#details-title')?.textContent ?? null")
    };
    assert_eq!(of("#cell=1.85%40gadget-5.0.0"), "1.85, gadget 5.0.0");
    assert_eq!(of("#cell=%E0%A4%A"), Value::Null);
    assert_eq!(of("#cell=<script>"), Value::Null);
    let mut tab = open(&small(), DESKTOP);
    tab.click("a[href^='#cell=1.85']");
    assert_eq!(
        tab.look("one('#details-title').textContent"),
        "1.85, gadget 5.0.0"
    );
}

#[test]
fn hostile_names_stay_text() {
    let page = page(&hostile());
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    let mut tab = Tab::open(&page, DESKTOP);
    // All that can be opened is opened.
    let longest = tab.look(
        "(() => {
            for (const level of [1, 2]) for (const shut of all('.grid th button[aria-expanded=false]')) shut.click();
            let longest = 0;
            for (const button of all('.grid td button')) {
                button.click();
                for (const shut of all('details')) shut.open = true;
                longest = Math.max(longest, one('dialog').textContent.length);
            }
            return longest;
        })()",
    );
    let turned = "all('body *').filter((e) => !e.children.length && e.textContent.includes('\\u202e')).map((e) => e.outerHTML.slice(0, 200))";
    assert_eq!(tab.look(turned), json!([]), "no line changes its direction");
    assert!(longest.as_u64().expect("a length") < 200_000, "{longest}");
    let seen = tab.look(
        "{
            hacked: window.hacked ?? null,
            foreign: all('img, iframe, object, embed, link[rel=stylesheet]').length,
            scripts: all('script').length,
            handlers: all('*').filter((e) => [...e.attributes].some((a) => a.name.startsWith('on'))).length,
            links: all('a').filter((a) => a.protocol !== 'file:').length,
            row: one('.grid tbody th').textContent.replace('▾ ', ''),
            targets: all('.target').length,
            cases: all('.case').length,
        }",
    );
    assert_eq!(
        seen,
        json!({
            "hacked": null,
            "foreign": 0,
            "scripts": 2,
            "handlers": 0,
            "links": 0,
            // What turns the direction of a line is gone.
            "row": format!("stable{}", HOSTILE.replace(['\u{202e}', '\u{2028}'], "")),
            "targets": 6,
            "cases": 10,
        })
    );
    tab.check();
}

#[test]
fn a_request_would_be_seen_and_the_policy_forbids_it() {
    let ask = "fetch('https://example.invalid/x').then(() => 'sent', () => 'refused')";
    let open = page(&small()).replace("default-src 'none'", "default-src *");
    let mut tab = Tab::open(&open, DESKTOP);
    tab.look(ask);
    assert_eq!(tab.requests(), ["https://example.invalid/x"]);
    let mut tab = Tab::open(&page(&small()), DESKTOP);
    tab.look(ask);
    let printed = format!("{:?}", tab.console());
    assert!(printed.contains("Content Security Policy"), "{printed}");
}

#[test]
fn dark_and_light_are_what_the_system_asks_for() {
    let of = |view| {
        let mut tab = open(&small(), view);
        tab.check();
        tab.look("['html', 'td.passed'].map((e) => getComputedStyle(one(e)).backgroundColor)")
    };
    let (light, dark) = (of(DESKTOP), of(DARK));
    assert_eq!(light[0], "rgb(255, 255, 255)");
    assert_eq!(dark[0], "rgb(13, 17, 23)");
    assert_ne!(light[1], dark[1]);
}

#[test]
fn a_phone_scrolls_the_grid_and_not_the_page() {
    let mut tab = open(&runs::large(3, 20, 10), PHONE);
    let seen = tab.look(
        "(() => {
            const scroll = one('.family .scroll');
            scroll.scrollLeft = 200;
            const edge = (e) => e.getBoundingClientRect().left;
            return {
                width: innerWidth,
                page: document.documentElement.scrollWidth,
                scrolls: scroll.scrollWidth > scroll.clientWidth,
                head: edge(one('.grid tbody th')) - edge(scroll),
            };
        })()",
    );
    assert_eq!(
        seen,
        json!({ "width": 390, "page": 390, "scrolls": true, "head": 1 })
    );
    tab.click(".grid td:nth-of-type(12) button");
    let sheet = "[one('dialog').getBoundingClientRect().left, one('dialog').offsetWidth, document.documentElement.scrollWidth]";
    assert_eq!(tab.look(sheet), json!([0, 390, 390]));
    assert_eq!(
        tab.look("one('dialog').matches(':modal')"),
        true,
        "what is covered is out of reach"
    );
    tab.key("Escape");
    assert_eq!(tab.look("one('dialog').open"), false);
    tab.check();
}

#[test]
fn axe_finds_no_serious_fault() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("a root");
    let axe = std::fs::read_to_string(axe(root)).expect("axe-core");
    let faults = "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
        violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
            .map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(({ html, any }) => `${html}: ${any[0]?.message}`)]))";
    let unfold = "all('details').forEach((shut) => { shut.open = true; })";
    for view in [DESKTOP, DARK, PHONE] {
        let mut tab = open(&small(), view);
        tab.run(&axe);
        tab.look(unfold);
        tab.look("all('.grid th button[aria-expanded=false]').forEach((shut) => shut.click())");
        assert_eq!(tab.look(faults), json!([]), "{view:?}");
        for name in [
            "stable, gadget 3.0.0",
            "1.85, gadget 2.0.0",
            "1.85, gadget 4.0.0",
        ] {
            tab.look(&format!("one(\"{}\").click()", cell(name)));
            tab.look(unfold);
            assert_eq!(tab.look(faults), json!([]), "{view:?}, {name}");
        }
        assert_eq!(tab.look("axe.getRules().length > 50"), true);
        tab.check();
    }
}
