//! Pages of many cells: how large they are, and whether they stay quick.

use crate::chromium::Tab;
use crate::runs::large;
use crate::{DESKTOP, page};

#[test]
fn a_thousand_cells_of_a_hundred_cases_are_below_a_megabyte() {
    let run = large(40, 25, 100);
    assert_eq!(run.cells.len(), 1000);
    let page = page(&run);
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    let mut tab = Tab::open(&page, DESKTOP);
    assert_eq!(tab.look("all('.grid tr.opens td').length"), 1000);
    tab.check();
}

#[test]
fn ten_thousand_cells_stay_smooth() {
    let run = large(100, 100, 100);
    let begin = std::time::Instant::now();
    let page = page(&run);
    let made = begin.elapsed();
    let mut tab = Tab::open(&page, DESKTOP);
    let seen = tab.look(
        "(() => {
            const timed = (work) => {
                const begin = performance.now();
                work();
                document.body.offsetHeight;
                return Math.round(performance.now() - begin);
            };
            const [entry] = performance.getEntriesByType('navigation');
            return {
                load: Math.round(entry.loadEventEnd),
                open: timed(() => all('.grid td button')[5050].click()),
                shut: timed(() => one('dialog').close()),
                row: timed(() => all('.grid th button[aria-expanded=false]')[0].click()),
                filter: timed(() => { one('#search').value = 'E0599 part_4'; applyFilter(); }),
            };
        })()",
    );
    println!(
        "10,000 cells: {} bytes, made in {made:?}, milliseconds: {seen}",
        page.len()
    );
    for (what, took) in seen.as_object().expect("times") {
        // Ten times what a small machine takes: it is another order of growth that would show.
        assert!(took.as_u64().expect("a time") < 10_000, "{what}: {took} ms");
    }
    tab.check();
}
