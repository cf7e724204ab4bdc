//! A hash and a code of it, by crates that follow digest.

use digest::Digest;
use hmac::{Hmac, Mac};

pub fn hash(bytes: &[u8]) -> usize {
    sha2::Sha256::digest(bytes).len()
}

pub fn mac(key: &[u8], bytes: &[u8]) -> usize {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(bytes);
    mac.finalize().into_bytes().len()
}
