//! List sync: the remote's lists become target groups, its fields become personalization fields. Never touches members or counts.

use rialto_core::run::{Phase, RunState};
use rialto_core::{Counts, figure};
use rialto_store::groups::{self, Described};
use rialto_store::runs::{Ending, Run};
use rialto_store::{bridges, fields, interests};

use crate::Parts;
use crate::lease::Lease;
use crate::remote::{self, Remote, Trouble};
use crate::worker;

/// Most lists taken from one remote system.
const MAX_LISTS: usize = 20_000;

pub(crate) async fn run(parts: &Parts, run: &Run, lease: &Lease) -> Result<Ending, Trouble> {
    let asked = async {
        let remote = remote::open(parts, run.bridge_id).await?;
        let offered = remote::offered_fields(&remote).await?;
        let lists = remote.connector.lists().await?;
        let interests = offered_interests(&remote).await;
        Ok::<_, Trouble>((remote, offered, lists, interests))
    };
    let (remote, offered, lists, interests) = tokio::select! {
        answered = asked => answered?,
        () = lease.gone() => return Err(Trouble::Interrupted),
    };
    if lists.len() > MAX_LISTS {
        return Err(Trouble::refused(
            format!("The remote system offers {} lists; Rialto takes at most {MAX_LISTS}.", lists.len()),
            "Limit the lists in the remote system's set-up script.",
        ));
    }
    if lease.is_gone() {
        return Err(Trouble::Interrupted);
    }
    lease.enter(Phase::Applying);
    let mut seen = std::collections::HashSet::new();
    let described: Vec<Described> = lists
        .into_iter()
        .filter(|l| !l.code.trim().is_empty() && seen.insert(l.code.clone()))
        .map(|l| Described {
            name: if l.name.trim().is_empty() { l.code.clone() } else { l.name },
            code: l.code,
            description: l.description,
            active: l.active,
            regeneration: l.regeneration,
            members: l.members.and_then(|n| i64::try_from(n).ok()),
            refreshed_at: l.refreshed_at,
            modified_at: l.modified_at,
        })
        .collect();
    let now = parts.clock.now();
    let bridge_id = remote.bridge.id;
    let mut tx = parts.db.write().await?;
    // An empty list of lists marks nothing gone: more likely a fault than a wish.
    let mirrored = groups::mirror(
        &mut tx,
        bridge_id,
        &format!("{} {}", remote.kind.name, remote.kind.lists_name()),
        &described,
        !described.is_empty(),
        now,
    )
    .await?;
    let fields = if offered.is_empty() { 0 } else { fields::mirror(&mut tx, bridge_id, &offered, now).await?.len() };
    let interests = match interests {
        Ok(offered) => interests::mirror(&mut tx, bridge_id, &offered, now).await?,
        Err(why) => {
            interests::not_read(&mut tx, bridge_id, &why).await?;
            0
        }
    };
    bridges::lists_synced(&mut tx, bridge_id, now).await?;
    tx.commit().await?;
    let (state, reason) = if described.is_empty() {
        (RunState::Incomplete, "The remote system answered with no list at all. The target groups stay as they were.".to_owned())
    } else {
        (
            RunState::Succeeded,
            format!(
                "{} lists: {} new, {} changed, {} gone; {fields} fields.",
                figure(described.len() as u64),
                figure(mirrored.added),
                figure(mirrored.updated),
                figure(mirrored.gone)
            ),
        )
    };
    let stats = serde_json::json!({"lists": described.len(), "added": mirrored.added, "updated": mirrored.updated,
        "unchanged": mirrored.unchanged, "gone": mirrored.gone, "fields": fields, "interests": interests});
    Ok(Ending { state, counts: Counts::default(), reason, advice: String::new(), error_kind: String::new(), data_as_of: None, stats })
}

/// Most interests taken from one remote system.
const MAX_INTERESTS: usize = 5_000;

/// The interests as the remote offers them. Lists and fields go on without them: the reason is kept beside what was known before.
async fn offered_interests(remote: &Remote) -> Result<Vec<interests::Described>, String> {
    if !remote.kind.lists_interests {
        return Ok(Vec::new());
    }
    let offered = remote.connector.interests().await.map_err(|e| worker::sentence(&e.to_string()))?;
    let mut seen = std::collections::HashSet::new();
    let described = offered.into_iter().filter(|i| seen.insert(i.key())).take(MAX_INTERESTS).map(|i| interests::Described {
        key: i.key(),
        name: if i.name.trim().is_empty() { [i.code.as_str(), &i.subcode].join(" ").trim().to_owned() } else { i.name },
        active: i.active,
        members: i.members.and_then(|n| i64::try_from(n).ok()),
    });
    Ok(described.collect())
}
