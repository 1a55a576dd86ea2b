//! What is remembered of an answer is enough to give it again.

use crate::hub::{Hub, identity};
use crate::promises::{any_command, any_preset};
use kehub_core::command::{Command, Idempotency, Upsert};
use kehub_core::outcome::{Outcome, Resolution};
use kehub_core::receipt::Remembered;
use proptest::prelude::*;

/// Gives every identity a name but each third, and adds one that is none.
fn with_names(mut command: Command) -> Command {
    if let Command::Upsert(Upsert { identities, .. }) = &mut command {
        for (place, sent) in identities.iter_mut().enumerate().filter(|(place, _)| place % 3 != 2) {
            sent.name = Some(format!(" called {place} "));
        }
        identities.extend(identity("\u{200B}Shop :"));
    }
    command
}

/// The answer of a command that came before under this key.
fn told_again(
    hub: &mut Hub,
    command: &Command,
    key: Idempotency,
    first: &Resolution,
) -> Resolution {
    let again = hub.run_once(command.clone(), false, Some(key));
    let Outcome::Repeated(receipt) = again else { panic!("{again:?}") };
    let Remembered::Resolved(remembered) = receipt.outcome else { panic!("{receipt:?}") };
    assert_eq!(remembered.tells_before, first.before.is_some());
    let tenant = hub.tenant();
    let row = |number| {
        let identity = tenant.identity(number)?;
        Some((&*tenant.policy().type_of(identity.key.kind)?.name, identity))
    };
    // The customer as it stood is what the journal knows.
    let type_named = |name: &str| Some(&*tenant.policy().type_named(name)?.name);
    remembered.told(first.customer.clone(), first.before.clone(), command, row, type_named)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_is_told_again(
        preset in any_preset(),
        commands in prop::collection::vec(any_command(), 1..30),
    ) {
        let mut hub = Hub::new(preset);
        for (number, command) in commands.into_iter().enumerate() {
            let command = with_names(command);
            let hash = u128::try_from(number).unwrap().to_be_bytes();
            let key = Idempotency { key: hash, request: hash };
            match hub.run_once(command.clone(), false, Some(key)) {
                Outcome::Resolved(first) => {
                    let state = hub.tenant().snapshot();
                    let again = told_again(&mut hub, &command, key, &first);
                    prop_assert_eq!(&again, &*first);
                    prop_assert_eq!(hub.tenant().snapshot(), state);
                }
                Outcome::Deleted(_) | Outcome::Policy(_) | Outcome::Released(_) => {
                    let again = hub.run_once(command, false, Some(key));
                    prop_assert!(matches!(again, Outcome::Repeated(_)));
                }
                Outcome::Refused(_) => {
                    // Asked again, it is decided again.
                    let again = hub.run_once(command, false, Some(key));
                    prop_assert!(matches!(again, Outcome::Refused(_)), "{:?}", again);
                }
                decision => {
                    let again = hub.run_once(command, false, Some(key));
                    let Outcome::Repeated(receipt) = again else {
                        return Err(TestCaseError::fail(format!("{again:?}")));
                    };
                    prop_assert_eq!(Some(receipt.outcome), Remembered::of(&decision));
                }
            }
        }
    }
}
