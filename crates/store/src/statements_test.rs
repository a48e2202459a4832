//! Every statement is prepared on both databases: a text that only one of them understands fails here, not at a customer's.

use sqlx::{Executor, SqlStr};

use crate::Db;
use crate::sql::Sql;

fn all() -> Vec<(&'static str, &'static [(&'static str, Sql)])> {
    vec![
        ("audiences", crate::audiences::ALL),
        ("audiences::fields", crate::audiences::FIELDS_ALL),
        ("audiences::meets", crate::audiences::MEETS_ALL),
        ("audiences::usage", crate::audiences::USAGE_ALL),
        ("audiences::write", crate::audiences::WRITE_ALL),
        ("audit", crate::audit::ALL),
        ("bridges", crate::bridges::ALL),
        ("compound", crate::compound::ALL),
        ("compound::evaluate", crate::compound::EVALUATE_ALL),
        ("compound::outdated", crate::compound::OUTDATED_ALL),
        ("consent", crate::consent::ALL),
        ("consent::act", crate::consent::ACT_ALL),
        ("consent::book", crate::consent::BOOK_ALL),
        ("data_syncs", crate::data_syncs::ALL),
        ("data_syncs::books", crate::data_syncs::BOOKS_ALL),
        ("data_syncs::figures", crate::data_syncs::FIGURES_ALL),
        ("data_syncs::labels", crate::data_syncs::LABELS_ALL),
        ("data_syncs::lost", crate::data_syncs::LOST_ALL),
        ("data_syncs::pairs", crate::data_syncs::PAIRS_ALL),
        ("data_syncs::replay", crate::data_syncs::REPLAY_ALL),
        ("fetch_tokens", crate::fetch_tokens::ALL),
        ("fields", crate::fields::ALL),
        ("folders", crate::folders::ALL),
        ("groups", crate::groups::ALL),
        ("groups::edit", crate::groups::EDIT_ALL),
        ("groups::mirror", crate::groups::MIRROR_ALL),
        ("households", crate::households::ALL),
        ("ids", crate::ids::ALL),
        ("interests", crate::interests::ALL),
        ("interests::choose", crate::interests::CHOOSE_ALL),
        ("interests::views", crate::interests::VIEWS_ALL),
        ("membership", crate::membership::ALL),
        ("membership::apply", crate::membership::APPLY_ALL),
        ("notes", crate::notes::ALL),
        ("people", crate::people::ALL),
        ("people::write", crate::people::WRITE_ALL),
        ("personalization", crate::personalization::ALL),
        ("personalization::values", crate::personalization::VALUES_ALL),
        ("personas", crate::personas::ALL),
        ("personas::told", crate::personas::TOLD_ALL),
        ("personas::views", crate::personas::VIEWS_ALL),
        ("reconcile", crate::reconcile::ALL),
        ("runs", crate::runs::ALL),
        ("seed", crate::seed::ALL),
        ("segments", crate::segments::ALL),
        ("segments::context", crate::segments::CONTEXT_ALL),
        ("segments::due", crate::segments::DUE_ALL),
        ("segments::person", crate::segments::PERSON_ALL),
        ("schedules", crate::schedules::ALL),
        ("idempotency", crate::idempotency::ALL),
        ("sessions", crate::sessions::ALL),
        ("settings", crate::settings::ALL),
        ("streams", crate::streams::ALL),
        ("streams::alarms", crate::streams::ALARMS_ALL),
        ("streams::feed", crate::streams::FEED_ALL),
        ("streams::flow", crate::streams::FLOW_ALL),
        ("streams::log", crate::streams::LOG_ALL),
        ("streams::rejected", crate::streams::REJECTED_ALL),
        ("streams::seen", crate::streams::SEEN_ALL),
        ("throttle", crate::throttle::ALL),
        ("tokens", crate::tokens::ALL),
        ("uploads", crate::uploads::ALL),
        ("uploads::clean", crate::uploads::CLEAN_ALL),
        ("uploads::file", crate::uploads::FILE_ALL),
        ("uploads::people", crate::uploads::PEOPLE_ALL),
        ("users", crate::users::ALL),
        ("views::api", crate::views::api::ALL),
        ("views::by_address", crate::views::by_address::ALL),
        ("views::by_address::members", crate::views::by_address::members::ALL),
        ("views::by_address::changed_members", crate::views::by_address::changed_members::ALL),
        ("views::by_address::changed_flags", crate::views::by_address::changed_flags::ALL),
        ("views::by_address::changed_values", crate::views::by_address::changed_values::ALL),
        ("views::bridges", crate::views::bridges::ALL),
        ("views::changes", crate::views::changes::ALL),
        ("views::compound", crate::views::compound::ALL),
        ("views::consent", crate::views::consent::ALL),
        ("views::folders", crate::views::folders::ALL),
        ("views::groups", crate::views::groups::ALL),
        ("views::history", crate::views::history::ALL),
        ("views::members", crate::views::members::ALL),
        ("views::overview", crate::views::overview::ALL),
        ("views::people", crate::views::people::ALL),
        ("views::runs", crate::views::runs::ALL),
        ("views::schedules", crate::views::schedules::ALL),
        ("views::search", crate::views::search::ALL),
        ("views::writebacks", crate::views::writebacks::ALL),
        ("waterfall", crate::waterfall::ALL),
        ("waterfall::basis", crate::waterfall::BASIS_ALL),
        ("waterfall::delta", crate::waterfall::DELTA_ALL),
        ("writebacks", crate::writebacks::ALL),
        ("writebacks::claim", crate::writebacks::CLAIM_ALL),
        ("writebacks::destination", crate::writebacks::DESTINATION_ALL),
        ("writebacks::record", crate::writebacks::RECORD_ALL),
        ("writebacks::hand", crate::writebacks::HAND_ALL),
        ("writebacks::polled", crate::writebacks::POLLED_ALL),
        ("writebacks::timing", crate::writebacks::TIMING_ALL),
        ("people::locks", crate::people::locks::ALL),
        ("undo", crate::undo::ALL),
        ("undo::values", crate::undo::VALUES_ALL),
    ]
}

#[tokio::test]
async fn every_statement_prepares_on_both_databases() {
    let mut faults = Vec::new();
    for test in rialto_testkit::both().await {
        let db = Db::connect(&test.url).await.unwrap();
        for (module, statements) in all() {
            for (name, sql) in statements {
                let outcome = match &db {
                    Db::Sqlite { write, .. } => write.acquire().await.unwrap().prepare(SqlStr::from_static(sql.sqlite)).await.map(drop),
                    Db::Postgres(pool) => pool.acquire().await.unwrap().prepare(SqlStr::from_static(sql.postgres)).await.map(drop),
                };
                if let Err(e) = outcome {
                    faults.push(format!("{}: {module}::{name}: {e}", test.name));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
