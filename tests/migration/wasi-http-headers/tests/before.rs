//! The view as written for 24, with an override of `is_forbidden_header` that
//! adds one header, and without one.
//!
//! Expected to pass on 24 to 29, and not to compile on 30 to 35, where `table`
//! is in the supertrait `IoView` (#10016).
//!
//! **On 36 it compiles again, and the override has another meaning.** Up to 35
//! the list of defaults applied whatever the override said; 36 made the list the
//! default body of the method (#11292), so an override that does not ask for it
//! lets a guest set `host`, `connection`, `transfer-encoding` and the rest. Only
//! `with_override` shows it. `te_is_forbidden` fails in both: 35 took `te` off
//! the list (#11002).

use wasi_http_headers::{Answer, CUSTOM_HEADER, ORDINARY_HEADER};
use wasmtime::component::ResourceTable;
use wasmtime::Result;

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
