//! pinmatrix: a reproducible build and test matrix for a cargo workspace, over toolchains and
//! dependency pins.
//!
//! The floors, from the ground up; a file imports only from floors below its own, and a test
//! keeps it so:
//!
//! ```text
//! model, text, files                                   values, and what outside text is made into
//! config, manifest, cargo_config, cargo_home           files that people wrote
//! secrets, environment, toolchain, index, releases,
//! published, ladder, revision, working_tree, checkout,
//! git, subject, local, ground, source_tree, matrix,
//! setting                                              what this machine has of a matrix
//! frontier, baseline                                   where things change, and what is expected
//! strategy, search, bisect, inquiry, plan, shard,
//! standing                                             which cells run, where, and why not
//! worklist, least, claims, hindsight, undeclared,
//! findings, analysis                                   what follows from a run
//! merge                                                runs of several machines as one
//! record, compare, parts                              run.json; two of them held together; results from elsewhere
//! exec                                                 running them
//! report                                               what people and CI engines read
//! outside                                              what reads what others wrote, for fuzzing
//! ```
//!
//! Everything but `exec` turns values into values. `exec` alone spawns children that build and
//! test, and writes work files; `toolchain`, `published` and `subject` ask the machine questions.

pub mod model;
pub mod text;
pub mod files;
pub mod config;
pub mod manifest;
pub mod cargo_config;
mod cargo_home;
pub mod secrets;
pub mod environment;
pub mod toolchain;
pub mod index;
pub mod releases;
pub mod published;
pub mod ladder;
pub mod revision;
mod working_tree;
pub mod checkout;
pub mod git;
pub mod subject;
mod local;
mod checks;
pub mod frontier;
pub mod baseline;
mod ground;
pub mod source_tree;
mod today;
pub mod matrix;
pub mod setting;
pub mod strategy;
pub mod search;
pub mod bisect;
pub mod inquiry;
pub mod plan;
pub mod shard;
pub mod standing;
mod blame;
pub mod worklist;
mod least;
mod undeclared;
mod claims;
mod hindsight;
pub mod findings;
pub mod analysis;
pub mod merge;
pub mod record;
pub mod compare;
pub mod parts;
pub mod exec;
pub mod report;
pub mod outside;
