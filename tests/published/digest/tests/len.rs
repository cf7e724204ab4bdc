//! Both have the length of SHA-256.

#[test]
fn both_are_32() {
    assert_eq!((macs::hash(b"x"), macs::mac(b"k", b"x")), (32, 32));
}
