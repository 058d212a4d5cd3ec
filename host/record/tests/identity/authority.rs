//! Grants and revocations: what a key may sign, and what of it counts.

use atlas_record::header::{BodyHash, Op};
use atlas_record::id::ConstitutionId;
use atlas_record::identity::{
    Action, Added, Cause, Covered, Identity, Keep, Kept, NotCovered, Rate, StatementFault, Target, Uncovered, Wider,
};
use atlas_record::{GrantId, Header, RecordId};

use crate::*;

fn ada() -> Identity {
    Identity::new(genesis(false)).unwrap()
}

fn header(ada: &Identity, key: &SecretKey, grant: Option<GrantId>) -> Header {
    Header {
        space: space(1),
        type_name: "atlas.post".parse().unwrap(),
        author: ada.id(),
        key: key.public(),
        grant,
        seq: 1,
        prev: None,
        skip: None,
        created: T0 + DAY,
        constitution: ConstitutionId([0; 32]),
        record_key: None,
        op: Op::Put,
        links: vec![],
        blobs: vec![],
        expires: None,
        body: Some(BodyHash { hash: [0; 32], size: 1 }),
        ext: vec![],
    }
}

fn not(outcome: Result<Covered<'_>, Uncovered>) -> NotCovered {
    match outcome {
        Err(Uncovered::No(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_grant_covers_its_scope_and_nothing_beside_it() {
    let mut ada = ada();
    let given = grant(ada.id(), &device(0), &app(0), 0);
    assert_eq!(ada.add_grant(given.clone()), Added::New);
    let good = header(&ada, &app(0), Some(given.id()));
    assert!(matches!(ada.covers(&good), Ok(Covered::Grant(_))));
    assert!(ada.covers(&good).unwrap().creates_only(), "the scope has no `replace`");

    let with = |change: &dyn Fn(&mut Header)| {
        let mut header = good.clone();
        change(&mut header);
        header
    };
    let other: atlas_record::TypeName = "atlas.task".parse().unwrap();
    let cases = [
        (with(&|it| it.key = app(1).public()), NotCovered::Key(app(0).public())),
        (with(&|it| it.type_name = other.clone()), NotCovered::Type(other.clone())),
        (with(&|it| it.space = space(3)), NotCovered::Space(space(3))),
        (with(&|it| it.created = T0 - 1), NotCovered::Early(T0)),
        (with(&|it| it.created = T0 + 30 * DAY), NotCovered::Expired(T0 + 30 * DAY)),
    ];
    for (header, reason) in cases {
        assert_eq!(not(ada.covers(&header)), reason);
    }
    assert!(ada.covers(&with(&|it| it.created = T0 + 30 * DAY - 1)).is_ok(), "the last moment");
    let mut narrow = given.statement().clone();
    narrow.scope.actions = ["create".parse().unwrap()].into();
    let narrow = narrow.sign(&device(0)).unwrap();
    ada.add_grant(narrow.clone());
    let delete = with(&|it| (it.op, it.grant) = (Op::Delete, Some(narrow.id())));
    assert_eq!(not(ada.covers(&delete)), NotCovered::Action("delete"));
}

#[test]
fn what_is_not_here_may_come_and_is_not_refused() {
    let ada = ada();
    assert_eq!(ada.covers(&header(&ada, &device(5), None)), Err(Uncovered::UnknownDevice));
    let unknown = GrantId([3; 32]);
    assert_eq!(ada.covers(&header(&ada, &app(0), Some(unknown))), Err(Uncovered::UnknownGrant(unknown)));
}

fn passed_on(parent: &Signed<Grant>, to: &SecretKey, by: &SecretKey, change: impl Fn(&mut Grant)) -> Signed<Grant> {
    let mut grant =
        Grant { parent: Some(parent.id()), issuer: by.public(), audience: to.public(), ..parent.statement().clone() };
    grant.scope.depth = grant.scope.depth.saturating_sub(1);
    change(&mut grant);
    grant.sign(by).unwrap()
}

#[test]
fn a_grant_is_passed_on_in_part_and_never_in_more() {
    let mut ada = ada();
    let given = grant(ada.id(), &device(0), &app(0), 0);
    let on = |change: &dyn Fn(&mut Grant)| passed_on(&given, &app(1), &app(0), change);
    let good = on(&|_| {});
    assert_eq!(ada.add_grant(good.clone()), Added::Waits, "its parent has to come first");
    ada.add_grant(given.clone());
    assert!(ada.grant(&good.id()).is_some(), "it came with its parent");

    let wider = |grant: Signed<Grant>, why: Wider| {
        let mut ada = ada.clone();
        assert_eq!(ada.add_grant(grant), Added::Refused(StatementFault::Wider(why)));
    };
    let task: atlas_record::TypeName = "atlas.task".parse().unwrap();
    wider(on(&|it| assert!(it.scope.types.insert(task.clone()))), Wider::Type(task.clone()));
    let label: atlas_record::identity::scope::Action = "label".parse().unwrap();
    wider(on(&|it| assert!(it.scope.actions.insert(label.clone()))), Wider::Action(label.clone()));
    wider(on(&|it| assert!(it.scope.spaces.insert(space(9)))), Wider::Space(space(9)));
    wider(on(&|it| it.scope.depth = 1), Wider::Depth(1, 0));
    let later = on(&|it| it.scope.expires += 1);
    assert!(matches!(ada.add_grant(later), Added::Refused(StatementFault::Wider(Wider::Window { .. }))));
    let deeper = passed_on(&good, &app(2), &app(1), |_| {});
    assert_eq!(ada.add_grant(deeper), Added::Refused(StatementFault::Wider(Wider::Depth(0, 0))));
    let stolen = passed_on(&given, &app(2), &app(3), |_| {});
    assert_eq!(ada.add_grant(stolen), Added::Refused(StatementFault::NotTheAudience(app(0).public())));
}

#[test]
fn a_rate_is_passed_on_no_higher() {
    let whole = Rate { records: 10, per_ms: 1000 };
    assert!(Rate { records: 10, per_ms: 1000 }.is_within(&whole));
    assert!(Rate { records: 5, per_ms: 2000 }.is_within(&whole));
    assert!(!Rate { records: 11, per_ms: 1000 }.is_within(&whole));
    assert!(!Rate { records: 10, per_ms: 999 }.is_within(&whole), "ten at once, and again too soon");
}

#[test]
fn grants_of_strangers_wait_and_never_count() {
    let mut ada = ada();
    let by_stranger = grant(ada.id(), &key(777), &app(0), 0);
    assert_eq!(ada.add_grant(by_stranger.clone()), Added::Waits);
    assert_eq!(
        ada.covers(&header(&ada, &app(0), Some(by_stranger.id()))),
        Err(Uncovered::UnknownGrant(by_stranger.id()))
    );
    let foreign = grant(IdentityId([8; 32]), &device(0), &app(0), 0);
    assert!(matches!(ada.add_grant(foreign), Added::Refused(StatementFault::Foreign(_))));
}

fn kept(key: &SecretKey, seq: u64) -> Kept {
    Kept::new(&key.public(), &space(1), seq, RecordId([seq as u8; 32]))
}

#[test]
fn a_revocation_keeps_what_it_lists_and_nothing_else() {
    let mut ada = ada();
    let given = grant(ada.id(), &device(0), &app(0), 0);
    ada.add_grant(given.clone());
    assert!(ada.causes(&app(0).public(), Some(&given.id())).is_empty());
    let keep = Keep { positions: vec![kept(&app(0), 5)], statements: vec![] };
    let revocation = revoke(ada.id(), &device(0), Target::Key(app(0).public()), keep);
    assert_eq!(ada.add_revocation(revocation.clone()), Added::New);
    let causes = ada.causes(&app(0).public(), Some(&given.id()));
    assert_eq!(causes, [Cause::Revoked(revocation.id())]);
    assert_eq!(ada.kept(&causes[0], &app(0).public(), &space(1)).map(|it| it.seq), Some(5));
    assert_eq!(ada.kept(&causes[0], &app(0).public(), &space(2)), None, "a space that is not listed");
    let more = revoke(ada.id(), &device(0), Target::Grant(given.id()), Keep::default());
    ada.add_revocation(more);
    assert_eq!(ada.causes(&app(0).public(), Some(&given.id())).len(), 2, "it has to survive each");
}

#[test]
fn an_app_revokes_what_it_passed_on_and_nothing_else() {
    let mut ada = ada();
    let given = grant(ada.id(), &device(0), &app(0), 0);
    let on = passed_on(&given, &app(1), &app(0), |_| {});
    ada.add_grant(given.clone());
    ada.add_grant(on.clone());
    let too_much = revoke(ada.id(), &app(1), Target::Grant(given.id()), Keep::default());
    assert_eq!(ada.add_revocation(too_much), Added::Waits);
    assert!(ada.causes(&app(0).public(), Some(&given.id())).is_empty());
    let its_own = revoke(ada.id(), &app(0), Target::Grant(on.id()), Keep::default());
    assert_eq!(ada.add_revocation(its_own), Added::New);
    assert_eq!(ada.causes(&app(1).public(), Some(&on.id())).len(), 1);
}

#[test]
fn what_a_revoked_app_passed_on_ends_with_it_unless_it_is_kept() {
    for keeps in [false, true] {
        let mut ada = ada();
        let given = grant(ada.id(), &device(0), &app(0), 0);
        let on = passed_on(&given, &app(1), &app(0), |_| {});
        ada.add_grant(given);
        ada.add_grant(on.clone());
        let keep = Keep { positions: vec![], statements: if keeps { vec![on.id().0] } else { vec![] } };
        ada.add_revocation(revoke(ada.id(), &device(0), Target::Key(app(0).public()), keep));
        assert_eq!(ada.causes(&app(1).public(), Some(&on.id())).is_empty(), keeps);
    }
}

/// Device 1 was stolen: it granted something to the thief, and revoked an honest app.
fn robbed(witnessed: bool) -> (Identity, [Signed<Grant>; 2], Signed<Revocation>, SignedEvent) {
    let first = genesis(witnessed);
    let mut ada = Identity::new(first.clone()).unwrap();
    let second = add_device(&first, 1, 1);
    ada.insert(second.clone());
    let (honest, thiefs) = (grant(ada.id(), &device(1), &app(0), 0), grant(ada.id(), &device(1), &app(6), 1));
    let harm = revoke(ada.id(), &device(1), Target::Key(app(0).public()), Keep::default());
    ada.add_grant(honest.clone());
    ada.add_grant(thiefs.clone());
    ada.add_revocation(harm.clone());
    (ada, [honest, thiefs], harm, second)
}

fn removal(prev: &SignedEvent, statements: Vec<[u8; 32]>) -> SignedEvent {
    let keep = Keep { positions: vec![kept(&device(1), 3)], statements }.normal();
    after(prev, Action::RemoveDevice { key: device(1).public(), keep }, &[&root(1)])
}

#[test]
fn what_a_stolen_device_granted_ends_with_it_unless_it_is_kept() {
    let (mut ada, [honest, thiefs], harm, last) = robbed(false);
    let event = removal(&last, vec![honest.id().0]);
    ada.insert(event.clone());
    assert_eq!(ada.causes(&app(6).public(), Some(&thiefs.id())), [Cause::Event(event.id())]);
    assert!(ada.causes(&app(0).public(), Some(&honest.id())).is_empty(), "the harm it did is undone: {harm:?}");
    assert_eq!(ada.causes(&device(1).public(), None), [Cause::Event(event.id())]);
    assert_eq!(ada.kept(&Cause::Event(event.id()), &device(1).public(), &space(1)).map(|it| it.seq), Some(3));
}

#[test]
fn an_attested_revocation_outlives_a_removal_that_comes_too_late() {
    for (removed, stays) in [(T0 + 72 * HOUR, false), (T0 + 72 * HOUR + 1, true)] {
        let (mut ada, [honest, _], harm, last) = robbed(true);
        let event = removal(&last, vec![honest.id().0]);
        ada.insert(event.clone());
        for who in 0..2 {
            let seen = Receipt::sign(ada.id(), harm.id().0, T0, &witness(who));
            ada.attest(&Receipt::decode(&seen).unwrap());
            ada.attest(&receipt(ada.id(), event.id(), who, removed));
        }
        assert_eq!(!ada.causes(&app(0).public(), Some(&honest.id())).is_empty(), stays);
    }
}
