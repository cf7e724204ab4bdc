//! The view as migrated to 36, with an override of `is_forbidden_header` that
//! adds one header, and without one.
//!
//! Expected to pass on 36. It is the form written for 24 plus
//! `DEFAULT_FORBIDDEN_HEADERS`, which is new in 36 (#11292): an override now has
//! to ask for the list of defaults, or a guest may set all of it. `te` is
//! accepted since 35 (#11002).

use wasi_http_headers::{Answer, CUSTOM_HEADER, ORDINARY_HEADER};
use wasmtime::component::ResourceTable;
use wasmtime::Result;
use wasmtime_wasi_http::types::DEFAULT_FORBIDDEN_HEADERS;
use wasmtime_wasi_http::{add_only_http_to_linker_sync, WasiHttpCtx, WasiHttpView};

mod with_override {
    use super::*;
    use hyper::header::HeaderName;

    struct Host {
        ctx: WasiHttpCtx,
        table: ResourceTable,
    }

    impl WasiHttpView for Host {
        fn ctx(&mut self) -> &mut WasiHttpCtx {
            &mut self.ctx
        }

        fn table(&mut self) -> &mut ResourceTable {
            &mut self.table
        }

        fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
            DEFAULT_FORBIDDEN_HEADERS.contains(name) || name.as_str() == CUSTOM_HEADER
        }
    }

    fn append(header: &str) -> Result<Answer> {
        let host = Host {
            ctx: WasiHttpCtx::new(),
            table: ResourceTable::new(),
        };
        wasi_http_headers::append(host, add_only_http_to_linker_sync, header)
    }

    wasi_http_headers::default_list_is_forbidden!(append);

    #[test]
    fn te_is_accepted() -> Result<()> {
        assert_eq!(append("te")?, Answer::Accepted);
        Ok(())
    }

    #[test]
    fn custom_header_is_forbidden() -> Result<()> {
        assert_eq!(append(CUSTOM_HEADER)?, Answer::Forbidden);
        Ok(())
    }

    #[test]
    fn ordinary_header_is_accepted() -> Result<()> {
        assert_eq!(append(ORDINARY_HEADER)?, Answer::Accepted);
        Ok(())
    }
}

mod without_override {
    use super::*;

    struct Host {
        ctx: WasiHttpCtx,
        table: ResourceTable,
    }

    impl WasiHttpView for Host {
        fn ctx(&mut self) -> &mut WasiHttpCtx {
            &mut self.ctx
        }

        fn table(&mut self) -> &mut ResourceTable {
            &mut self.table
        }
    }

    fn append(header: &str) -> Result<Answer> {
        let host = Host {
            ctx: WasiHttpCtx::new(),
            table: ResourceTable::new(),
        };
        wasi_http_headers::append(host, add_only_http_to_linker_sync, header)
    }

    wasi_http_headers::default_list_is_forbidden!(append);

    #[test]
    fn te_is_accepted() -> Result<()> {
        assert_eq!(append("te")?, Answer::Accepted);
        Ok(())
    }

    #[test]
    fn custom_header_is_accepted() -> Result<()> {
        assert_eq!(append(CUSTOM_HEADER)?, Answer::Accepted);
        Ok(())
    }

    #[test]
    fn ordinary_header_is_accepted() -> Result<()> {
        assert_eq!(append(ORDINARY_HEADER)?, Answer::Accepted);
        Ok(())
    }
}
