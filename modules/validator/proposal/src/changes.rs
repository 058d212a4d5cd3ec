//! What an amendment changes: slots and parameters of the constitution, as data.

use atlas_sdk::{Field, Fields, Items, Reason, Slot};

/// Most changes of one amendment.
pub const CHANGES: usize = 32;
/// Most fuel that a binding may ask for one record; hosts may allow less.
const FUEL: std::ops::RangeInclusive<i64> = 1..=1_000_000_000_000;
/// Bytes of memory that a binding may ask for; hosts may allow less.
const MEMORY: std::ops::RangeInclusive<i64> = 65_536..=4_294_967_296;

/// Checks the changes; what each of them changes, as `validator:atlas.post` or `quorum`.
pub(crate) fn check<'a>(changes: &Items<'a>) -> Result<Vec<&'a str>, Reason> {
    let mut changed = Vec::new();
    for change in changes.clone().count_within(1..=CHANGES)?.items() {
        let what = one(&change)?;
        if changed.contains(&what) {
            return Err(change.refuse("twice", format_args!("the second change of `{what}`: expected one")));
        }
        changed.push(what);
    }
    Ok(changed)
}

fn one<'a>(change: &Field<'a>) -> Result<&'a str, Reason> {
    let fields = change.clone().map()?;
    if let Some(parameter) = fields.optional_text("parameter")? {
        fields.only(&["parameter", "value"])?;
        // Any value; `null` takes the parameter out.
        fields.field("value")?;
        return Ok(parameter.word()?.as_str());
    }
    fields.only(&["slot", "bind", "unbind"])?;
    let slot = fields.text("slot")?;
    if let Err(error) = slot.parse::<Slot>() {
        return Err(slot.refuse("not-a-slot", format_args!("no slot: {}", error.why)));
    }
    match (fields.optional_map("bind")?, fields.optional_boolean("unbind")?) {
        (Some(binding), None) => bind(&binding)?,
        (None, Some(true)) => {}
        _ => {
            let what = "no change: expected `bind` with a module, or `unbind` with `true`";
            return Err(change.refuse("no-change", what));
        }
    }
    Ok(slot.as_str())
}

/// A binding, as constitutions hold them.
fn bind(binding: &Fields<'_>) -> Result<(), Reason> {
    binding.only(&["code", "config", "meter", "fuel", "memory"])?;
    let blob = |name| match binding.link(name)? {
        id if id.starts_with("bafkr4i") => Ok(()),
        id => Err(binding.field(name)?.refuse("not-a-blob", format_args!("`{id}`: expected a blob (bafkr4i…)"))),
    };
    blob("code")?;
    if binding.get("config").is_some() {
        blob("config")?;
    }
    if let Some(meter) = binding.optional_text("meter")? {
        meter.bytes_within(1..=32)?.one_line()?;
    }
    if let Some(fuel) = binding.optional_integer("fuel")? {
        fuel.within(FUEL)?;
    }
    if let Some(memory) = binding.optional_integer("memory")? {
        memory.within(MEMORY)?;
    }
    Ok(())
}
