//! The view with the table in `p2::IoView`, with an override of
//! `is_forbidden_header` that adds one header, and without one.
//!
//! Expected to compile on 33 to 35, and to pass but for `te_is_forbidden` on 35,
//! which took `te` off the list of defaults (#11002). The list applies whatever
//! the override says. 36 moved `table` back into the view and no longer has
//! `IoView` under `p2` (#11365, #11370).

use wasi_http_headers::{Answer, CUSTOM_HEADER, ORDINARY_HEADER};
use wasmtime::component::ResourceTable;
use wasmtime::Result;
use wasmtime_wasi::p2::IoView;
use wasmtime_wasi_http::{add_only_http_to_linker_sync, WasiHttpCtx, WasiHttpView};

mod with_override {
    use super::*;
    use hyper::header::HeaderName;

    struct Host {
        ctx: WasiHttpCtx,
        table: ResourceTable,
    }

    impl IoView for Host {
        fn table(&mut self) -> &mut ResourceTable {
            &mut self.table
        }
    }

    impl WasiHttpView for Host {
        fn ctx(&mut self) -> &mut WasiHttpCtx {
            &mut self.ctx
        }

        fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
            name.as_str() == CUSTOM_HEADER
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
    fn te_is_forbidden() -> Result<()> {
        assert_eq!(append("te")?, Answer::Forbidden);
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

    impl IoView for Host {
        fn table(&mut self) -> &mut ResourceTable {
            &mut self.table
        }
    }

    impl WasiHttpView for Host {
        fn ctx(&mut self) -> &mut WasiHttpCtx {
            &mut self.ctx
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
    fn te_is_forbidden() -> Result<()> {
        assert_eq!(append("te")?, Answer::Forbidden);
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
