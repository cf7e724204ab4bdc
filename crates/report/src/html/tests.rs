//! The pages of made-up runs, as far as they can be tested without a browser.

use camino::Utf8PathBuf;
use pinmatrix_core::testing::history;

use super::*;

fn data_of(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("id=\"data\">").expect("data");
    let (data, _) = rest.split_once("</script>").expect("an end");
    serde_json::from_str(data).expect("JSON")
}

#[test]
fn json_in_a_script_means_the_same_and_ends_no_script() {
    let hostile = "</script><!-- & \u{2028} \u{2029} \"";
    let json = serde_json::to_string(hostile).expect("JSON");
    let escaped = within_script(&json);
    assert!(!escaped.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
    assert_eq!(
        serde_json::from_str::<String>(&escaped).expect("JSON"),
        hostile
    );
}

#[test]
fn the_data_of_a_page_is_what_the_run_shows() {
    let page = html(&Analysis::of(&history("..1b", 2)), None).expect("a page");
    insta::assert_snapshot!(serde_json::to_string_pretty(&data_of(&page)).expect("JSON"));
}

#[test]
fn the_same_run_makes_the_same_page_and_another_has_another_nonce() {
    let page = |letters| html(&Analysis::of(&history(letters, 1)), None).expect("a page");
    assert_eq!(page("..b"), page("..b"));
    let nonce = |page: String| {
        page.split("nonce-")
            .nth(1)
            .map(|rest| rest[..32].to_owned())
    };
    assert_ne!(nonce(page("..b")), nonce(page("...")));
}

#[test]
fn locks_are_compared_with_the_last_one_that_is_there() {
    let run = history(".-..", 1);
    let folder = tempfile::tempdir().expect("a folder");
    let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("a path");
    std::fs::create_dir_all(&folder).expect("a folder");
    let write = |at: usize, text: &str| {
        let path = folder.join(format!("{}.lock", run.cells[at].id));
        std::fs::write(path, text).expect("written");
    };
    write(0, "[[package]]\nname = \"relay\"\nversion = \"1.0.0\"\n");
    write(2, "[[package]]\nname = \"relay\"\nversion = \"1.1.0\"\n");
    write(3, "no lock");
    let data = data_of(&html(&Analysis::of(&run), Some(&folder)).expect("a page"));
    let cells = &data["families"][0]["rows"][0]["cells"];
    assert_eq!(cells[0]["lock"], serde_json::Value::Null);
    assert_eq!(cells[2]["lock"][0], 0, "it is compared with the first pin");
    let line = data["locks"][0][0].as_u64().expect("a number") as usize;
    assert_eq!(data["texts"][line], "relay 1.0.0 → 1.1.0");
    assert_eq!(cells[3]["lock"], serde_json::Value::Null);
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn what_reads_without_scripts_is_in_the_page_itself() {
    let page = html(&Analysis::of(&history("..b", 1)), None).expect("a page");
    let (page, _) = page.split_once("<script").expect("scripts come last");
    for part in [
        "<code>app test:t</code> breaks at gadget 2.0.0",
        "aria-label=\"stable, gadget 2.0.0: failed, compile, 1/1 targets; one change\"",
        "<h2>What changes</h2>",
    ] {
        assert!(page.contains(part), "{part} is not there");
    }
}
