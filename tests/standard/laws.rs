//! Every standard module holds the laws of its role.

use atlas_engine::laws::{Options, test};
use atlas_engine::{Binding, CodeHash};

use crate::ENGINE;

#[test]
fn every_module_of_the_set_holds_its_laws() {
    // `lexicon` is a type only with a document as its config.
    for module in atlas_prebuilt::all().iter().filter(|module| module.name != "lexicon") {
        let binding = Binding::new(CodeHash::of(module.bytes));
        let report = test(&ENGINE, module.bytes, &binding, &[], &Options { seed: 7, runs: 48 }).unwrap();
        assert_eq!(report.role, module.role);
        for finding in &report.laws {
            if let Some(breach) = &finding.breach {
                let asked = serde_json::to_string(&breach.reproducer.questions).unwrap();
                panic!(
                    "{} breaks {}: {} (panic: {:?})\nasked {asked}",
                    module.name, finding.law, breach.text, breach.panic
                );
            }
        }
    }
}
