//! Reading the configuration again, and doing what can be done of it at once.
//!
//! It is read and compared on the thread that waits for it, in a descriptor table of its own. What comes of
//! that is applied by `peermon-control`. A configuration that has an error anywhere changes nothing.

use std::sync::{Arc, MutexGuard, TryLockError};

use super::super::requests::state;
use super::super::roster::Listed;
use super::super::shared::Shared;
use super::actions::refusal;
use super::request::Task;
use crate::config::difference::{Applies, Difference, difference, inside_of_files};
use crate::config::plan::{PeerEndpoints, Plan};
use crate::config::{Config, MAX_PEERS};
use crate::error::{Code, Error, Result};
use crate::http::control::steer::{Action, Change, Done, Outcome, Who};
use crate::proto::event::PeerName;

/// What is to be done.
#[derive(Debug)]
pub struct Prepared {
    /// Who is watched no longer.
    removed: Vec<PeerName>,
    /// Who is found elsewhere.
    moved: Vec<PeerEndpoints>,
    /// Who is watched from now on: settings and addresses, by the configuration in force.
    added: Vec<(crate::proto::settings::PeerSettings, PeerEndpoints)>,
}

/// Reads again and, unless it is a `dry_run`, applies.
pub fn reload(shared: &Shared, who: &Who, dry_run: bool) -> Outcome {
    let action = Action::Reload { dry_run };
    let steering = &shared.steering;
    let mut in_force = match steering.in_force.try_lock() {
        Ok(in_force) => in_force,
        Err(TryLockError::Poisoned(in_force)) => in_force.into_inner(),
        Err(TryLockError::WouldBlock) => {
            return Err(refusal(state("the configuration is being read again already")));
        }
    };
    steering.hand_in(who, Task::Announce(action.clone()))?;
    match read(shared, &in_force) {
        Ok((found, prepared)) => finish(shared, who, &mut in_force, dry_run, found, prepared),
        Err(error) => {
            // The error is the answer; that it could not be noted too is not.
            let _ = steering.hand_in(who, Task::Refused(action, error.text.clone()));
            Err(refusal(error))
        }
    }
}

fn finish(
    shared: &Shared,
    who: &Who,
    in_force: &mut MutexGuard<'_, Arc<Config>>,
    dry_run: bool,
    found: Difference,
    prepared: Prepared,
) -> Outcome {
    let said = words(&found, dry_run);
    if !dry_run
        && !prepared.is_empty()
        && let Err(refusal) = shared.steering.hand_in(who, Task::Apply(Box::new(prepared)))
    {
        // Some of it may have been done, or is being done still.
        **in_force = Arc::new(found.half_done(in_force));
        return Err(refusal);
    }
    let changes = found.changes.iter().map(|change| Change {
        key: change.key.clone(),
        from: change.from.clone(),
        to: change.to.clone(),
        applied: change.applies == Applies::Now && !dry_run,
        needs: (change.applies == Applies::Restart).then_some("restart"),
    });
    let changes = Some(changes.collect());
    if !dry_run {
        **in_force = Arc::new(found.merged);
    }
    Ok(Done { changes, ..Done::said(said) })
}

/// What the files say now, and what follows from it.
fn read(shared: &Shared, in_force: &Config) -> Result<(Difference, Prepared)> {
    if in_force.files().next().is_none() {
        return Err(state(
            "this configuration came from no file (monitor_config_load): there is nothing to read again",
        ));
    }
    let new = in_force.again()?;
    let plan = new.check()?;
    let watched: Vec<PeerEndpoints> =
        shared.roster.peek(|roster| roster.iter().map(|listed| listed.endpoints.clone()).collect());
    let mut found = difference(in_force, &new, &watched);
    inside_of_files(&shared.plan, &plan, &mut found.changes);
    room(&found, watched.len())?;
    let merged = found.merged.check().map_err(|error| {
        let text = format!(
            "{}; what changed of the peers does not fit the settings that need a restart, so nothing \
             was done",
            error.text
        );
        Error::new(Code::State, text)
    })?;
    let prepared = Prepared::new(&found, merged)?;
    Ok((found, prepared))
}

/// Those that were added by hand stay, and the configuration counts only its own: seen before anything is
/// done, for half of it is worse than nothing.
fn room(found: &Difference, watched: usize) -> Result<()> {
    if (watched + found.added.len()).saturating_sub(found.removed.len()) <= MAX_PEERS {
        return Ok(());
    }
    let text = format!(
        "with the {} peers that were added while the monitor ran there would be more than {MAX_PEERS}, so \
         nothing was done; remove some of them first",
        found.kept.len()
    );
    Err(Error::new(Code::Limit, text))
}

impl Prepared {
    fn new(found: &Difference, merged: Plan) -> Result<Self> {
        let mut peers: std::collections::HashMap<PeerName, _> = merged
            .settings
            .peers
            .into_iter()
            .zip(merged.endpoints)
            .map(|(settings, endpoints)| (settings.name.clone(), (settings, endpoints)))
            .collect();
        let mut take = |name: &PeerName| {
            let missing = || Error::new(Code::Internal, "a peer that changed is not there");
            peers.remove(name).ok_or_else(missing)
        };
        Ok(Self {
            removed: found.removed.clone(),
            moved: found
                .moved
                .iter()
                .map(|name| take(name).map(|(_, endpoints)| endpoints))
                .collect::<Result<_>>()?,
            added: found.added.iter().map(&mut take).collect::<Result<_>>()?,
        })
    }

    fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.moved.is_empty() && self.added.is_empty()
    }
}

/// On `peermon-control`. Who was removed, moved or added by somebody else meanwhile is as it should be.
pub fn apply(shared: &Shared, prepared: &Prepared) -> Outcome {
    let forgive = |outcome: Result<()>, code: Code| match outcome {
        Err(error) if error.code == code => Ok(()),
        other => other.map_err(refusal),
    };
    // Room first.
    for name in &prepared.removed {
        forgive(shared.remove_peer(name), Code::UnknownPeer)?;
    }
    for endpoints in &prepared.moved {
        forgive(shared.move_peer(endpoints.clone()), Code::UnknownPeer)?;
    }
    for (settings, endpoints) in &prepared.added {
        let (mut settings, endpoints) = (settings.clone(), endpoints.clone());
        settings.addresses = shared.known(&endpoints);
        forgive(shared.watch(Listed { settings, endpoints }), Code::Invalid)?;
    }
    Ok(Done::default())
}

/// What is said of it.
fn words(found: &Difference, dry_run: bool) -> String {
    let count = |applies| found.changes.iter().filter(|it| it.applies == applies).count();
    let (now, restart) = (count(Applies::Now), count(Applies::Restart));
    let changes =
        |count| if count == 1 { "1 change".to_owned() } else { format!("{count} changes") };
    let need = if restart == 1 { "needs" } else { "need" };
    let mut said = match (now, restart, dry_run) {
        (0, 0, _) => "nothing has changed".to_owned(),
        (_, 0, false) => format!("{} took hold", changes(now)),
        (0, _, false) => format!("nothing took hold: {} {need} a restart", changes(restart)),
        (_, _, false) => {
            format!("{} took hold, {} {need} a restart", changes(now), changes(restart))
        }
        (_, _, true) => format!(
            "{} would take hold, {} would need a restart; nothing was done",
            changes(now),
            changes(restart)
        ),
    };
    if !found.kept.is_empty() {
        let names: Vec<&str> = found.kept.iter().take(20).map(|name| &**name).collect();
        let more = if found.kept.len() > names.len() { ", ..." } else { "" };
        said.push_str(&format!(
            "; kept, because they were added while the monitor ran and are in no file: {}{more}",
            names.join(", ")
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_must_be_room_for_all_before_anything_is_done() {
        let names = |count: usize| vec![PeerName::from("a"); count];
        let found = |added, removed, kept| Difference {
            added: names(added),
            removed: names(removed),
            kept: names(kept),
            ..Difference::default()
        };
        assert_eq!(room(&found(2, 1, 5), MAX_PEERS - 1), Ok(()));
        let refused = room(&found(2, 1, 5), MAX_PEERS).unwrap_err();
        assert_eq!(refused.code, Code::Limit);
        assert!(refused.text.starts_with("with the 5 peers that were added"), "{}", refused.text);
    }
}
