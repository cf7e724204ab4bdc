//! Anything in the place of the sources of a family and of the code that uses it: the same sources
//! change nothing.
#![no_main]

use std::collections::BTreeMap;

use pinmatrix_api::forecast::step;
use pinmatrix_api::offer::Offer;
use pinmatrix_api::tree::read;
use pinmatrix_api::uses::{TargetSources, scan};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (family, code) = text.split_once('\0').unwrap_or((&text, &text));
    let none = BTreeMap::new();
    let root = "src/lib.rs".into();
    let is_family = |name: &str| name == "fam";
    let trees = [read("fam", root, &none, &|_| Some(family.to_owned()))];
    let offer = Offer::of(&trees, &is_family);
    let sources = TargetSources {
        name: "app",
        root,
        renamed: &none,
        read_file: &|_| Some(code.to_owned()),
        libraries: &[],
    };
    let (_, uses) = scan(&sources, &is_family);
    assert!(step(&uses, &offer, &offer).findings.is_empty());
});
