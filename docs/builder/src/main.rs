//! Builds a book into a folder with mdBook as a library: `builder BOOK FOLDER`. It knows nothing
//! about this book. The pages are those of `mdbook build`, without the search.

use std::path::PathBuf;

use mdbook_driver::MDBook;
use mdbook_driver::errors::{Error, Result};

fn main() -> Result<()> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [book, destination] = folders.as_slice() else {
        return Err(Error::msg("usage: builder BOOK FOLDER"));
    };
    let mut book = MDBook::load(book)?;
    // If it is relative, mdBook looks for it below the book.
    book.config.build.build_dir = std::path::absolute(destination)?;
    book.build()
}
