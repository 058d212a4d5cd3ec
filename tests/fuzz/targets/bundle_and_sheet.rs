//! Keys from elsewhere: what is read is written again as it was.
#![no_main]

use atlas_keys::{bundle, sheet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else { return };
    if which & 1 == 0 {
        let Ok(bundle) = bundle::decode_unsealed(bytes) else { return };
        let again = bundle::encode_unsealed(&bundle).expect("what was read is within the limits");
        assert_eq!(&again[..], bytes);
    } else {
        let Ok(text) = str::from_utf8(bytes) else { return };
        let Ok(sheet) = sheet::parse(text) else { return };
        let page = sheet::print(&sheet).expect("what was read is within the limits");
        let again = sheet::parse(&page).expect("what was printed is read");
        assert_eq!(sheet::print(&again).expect("as before"), page);
    }
});
