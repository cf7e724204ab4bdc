//! Shows errors as rustc does: the file, the line, the position, and how to fix it.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use pinmatrix_core::error::UserError;

/// Prints an error to standard error.
pub fn show(error: &anyhow::Error) {
    let text = match error.downcast_ref::<UserError>() {
        Some(error) => drawn(error),
        None => plain(&pinmatrix_core::text::sanitize(&format!("{error:#}"))),
    };
    crate::output::progress::say(&text);
}

fn plain(message: &str) -> String {
    let report = [Group::with_title(Level::ERROR.primary_title(message))];
    Renderer::styled().render(&report).to_string()
}

fn drawn(error: &UserError) -> String {
    let message = pinmatrix_core::text::sanitize(error.message());
    let title = Level::ERROR.primary_title(&message);
    let mut group = match (error.text(), error.place()) {
        (Some(text), Some(place)) => {
            let path = text.file().display().to_string();
            let snippet = Snippet::source(text.content()).path(path).annotation(
                AnnotationKind::Primary
                    .span(place.span.clone())
                    .label(&place.label),
            );
            title.element(snippet)
        }
        (Some(text), None) => title.element(annotate_snippets::Origin::path(
            text.file().display().to_string(),
        )),
        (None, _) => Group::with_title(title),
    };
    if let Some(hint) = error.hint() {
        group = group.element(Level::HELP.message(pinmatrix_core::text::sanitize(hint)));
    }
    Renderer::styled().render(&[group]).to_string()
}
