//! Sample data looks like what syncs would have written.

use rialto_store::seed::{self, Size};
use rialto_store::{groups, membership, people};
use rialto_testkit::{actor, both};

use crate::support::bridge;

#[tokio::test]
async fn sample_data_counts_as_if_it_had_been_synced() {
    for test in both().await {
        let bridge = bridge(&test.db).await;
        let size = Size { people: 3_000, groups: 5, runs: 40 };
        seed::fill(&test.db, bridge, size, &actor(), |_| ()).await.unwrap();
        let made = groups::of_bridge(test.db.read(), bridge).await.unwrap();
        assert_eq!(made.len(), 5, "{}", test.name);
        assert_eq!(made[0].members, 3_000, "{}", test.name);
        for group in made {
            let counted = membership::count(test.db.read(), group.id).await.unwrap();
            let waterfall = group.waterfall().unwrap();
            assert_eq!((counted, waterfall.members), (group.members, group.members), "{}: {}", test.name, group.name);
            assert!(waterfall.balances() && waterfall.mailable > 0, "{}: {waterfall:?}", test.name);
        }
        assert_eq!(people::counted(test.db.read()).await.unwrap(), 3_000);
        let again = seed::fill(&test.db, bridge, size, &actor(), |_| ()).await;
        assert!(again.unwrap_err().to_string().contains("empty"), "{}", test.name);
    }
}
