//! Which HTTP headers a guest may set: `WasiHttpView::is_forbidden_header`.
//!
//! Holds the guest, how to ask it, and the headers that wasmtime-wasi-http
//! forbids on every pin. It uses nothing of wasmtime-wasi-http: how a host
//! implements the view, and whether its override adds to the list of defaults
//! or replaces it, is what changes.

use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Result, Store};

/// Exports `try-append`, which appends a header to fresh `wasi:http` fields and
/// returns the host's answer as a number.
pub const GUEST: &[u8] = include_bytes!("../guests/append_header.wasm");

/// A header that only the override forbids.
pub const CUSTOM_HEADER: &str = "custom-forbidden-header";

/// A header that nobody forbids.
pub const ORDINARY_HEADER: &str = "x-request-id";

/// What a host says to a guest that appends a header.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    InvalidSyntax,
    Forbidden,
    Immutable,
}

/// Appends `header` from inside the guest, on a linker that `add_http` filled.
pub fn append<T: 'static>(
    host: T,
    add_http: impl FnOnce(&mut Linker<T>) -> Result<()>,
    header: &str,
) -> Result<Answer> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    add_http(&mut linker)?;
    let mut store = Store::new(&engine, host);
    let component = Component::new(&engine, GUEST)?;
    let instance = linker.instantiate(&mut store, &component)?;
    let try_append = instance.get_typed_func::<(&str,), (u32,)>(&mut store, "try-append")?;
    Ok(match try_append.call(&mut store, (header,))? {
        (0,) => Answer::Accepted,
        (1,) => Answer::InvalidSyntax,
        (2,) => Answer::Forbidden,
        (3,) => Answer::Immutable,
        (other,) => unreachable!("the guest returns no {other}"),
    })
}

/// One test for each header that is on the list of defaults on every pin.
///
/// `te` is not among them: it left the list in 35. `$answer` is a function from
/// a header to `Result<Answer>`.
#[macro_export]
macro_rules! default_list_is_forbidden {
    ($answer:path) => {
        $crate::default_list_is_forbidden! {
            $answer,
            connection_is_forbidden: "connection",
            host_is_forbidden: "host",
            http2_settings_is_forbidden: "http2-settings",
            keep_alive_is_forbidden: "keep-alive",
            proxy_authenticate_is_forbidden: "proxy-authenticate",
            proxy_authorization_is_forbidden: "proxy-authorization",
            proxy_connection_is_forbidden: "proxy-connection",
            transfer_encoding_is_forbidden: "transfer-encoding",
            upgrade_is_forbidden: "upgrade",
        }
    };
    ($answer:path, $($name:ident: $header:literal,)*) => {
        $(
            #[test]
            fn $name() -> wasmtime::Result<()> {
                assert_eq!($answer($header)?, $crate::Answer::Forbidden, $header);
                Ok(())
            }
        )*
    };
}
