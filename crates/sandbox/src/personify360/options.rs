//! What can be set about a sandbox before it starts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Where the sandbox takes the time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// First instant of the default clock: 2026-01-05T06:00:00Z.
pub(crate) const START_SECOND: i64 = 1_767_592_800;

/// Names of the stored procedures, which differ per deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcedureNames {
    /// Marketing lists.
    pub lists: String,
    /// Columns of the personalization view.
    pub fields: String,
    /// Members of one list.
    pub list_members: String,
    /// Activities of one person.
    pub activities: String,
    /// Activity codes that exist.
    pub codes: String,
    /// Interest areas and demographic codes that exist.
    pub interests: String,
    /// Those of one person.
    pub interests_of: String,
    /// The people of one of them.
    pub interest_members: String,
}

impl Default for ProcedureNames {
    fn default() -> Self {
        Self {
            lists: "usr_Rialto_Lists".into(),
            fields: "usr_Rialto_Fields".into(),
            list_members: "usr_Rialto_ListMembers".into(),
            activities: "usr_Rialto_Activities".into(),
            codes: "usr_Rialto_Codes".into(),
            interests: "usr_Rialto_Interests".into(),
            interests_of: "usr_Rialto_InterestsOf".into(),
            interest_members: "usr_Rialto_InterestMembers".into(),
        }
    }
}

/// Names of the entity sets, which differ per deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntitySetNames {
    /// Constituents.
    pub customer_infos: String,
    /// Addresses to reach them by.
    pub cus_communications: String,
    /// Contact tracking.
    pub cus_activities: String,
    /// Opt-in answers.
    pub cus_opt_in_options: String,
    /// Demographics.
    pub cus_demographics: String,
    /// Marketing lists.
    pub marketing_lists: String,
    /// Members of marketing lists.
    pub marketing_list_members: String,
}

impl Default for EntitySetNames {
    fn default() -> Self {
        Self {
            customer_infos: "CustomerInfos".into(),
            cus_communications: "CusCommunications".into(),
            cus_activities: "CusActivities".into(),
            cus_opt_in_options: "CusOptInOptions".into(),
            cus_demographics: "CusDemographics".into(),
            marketing_lists: "MarketingLists".into(),
            marketing_list_members: "MarketingListMembers".into(),
        }
    }
}

/// Settings of a sandbox.
#[derive(Clone)]
pub struct Options {
    /// How many people there are.
    pub people: u64,
    /// Same seed, same people.
    pub seed: u64,
    /// User name for HTTP Basic.
    pub user: String,
    /// Password for HTTP Basic.
    pub password: String,
    /// Path of the service root.
    pub root: String,
    /// Names of the stored procedures.
    pub procedures: ProcedureNames,
    /// Names of the entity sets.
    pub entity_sets: EntitySetNames,
    /// Whether the procedures exist from the start, or only once the set-up script was run.
    pub installed: bool,
    /// Whether Rialto's activity codes exist from the start, where the procedures do.
    pub codes: bool,
    /// Refuse query options which the product does not document.
    pub strict: bool,
    /// Additional generated lists (`EXTRA_0001`, …), one person in a hundred on each.
    pub extra_lists: u32,
    /// Most rows one page of list members may have.
    pub max_rows: u64,
    /// Most entities one answer may hold; beyond it the service asks for a narrower filter.
    pub max_entities: usize,
    /// The clock.
    pub now: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            people: 10_000,
            seed: 1,
            user: "rialto".into(),
            password: "sandbox".into(),
            root: "/PersonifyDataServices/PersonifyData.svc".into(),
            procedures: ProcedureNames::default(),
            entity_sets: EntitySetNames::default(),
            installed: true,
            codes: true,
            strict: true,
            extra_lists: 0,
            max_rows: 20_000,
            max_entities: 50_000,
            now: counting_clock(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("people", &self.people)
            .field("seed", &self.seed)
            .field("root", &self.root)
            .field("procedures", &self.procedures)
            .field("entity_sets", &self.entity_sets)
            .field("installed", &self.installed)
            .field("strict", &self.strict)
            .finish_non_exhaustive()
    }
}

/// The instant at which every sandbox begins.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_second(START_SECOND).unwrap_or_default()
}

/// A clock that starts at a fixed instant and moves on by a second each time it is read.
pub fn counting_clock() -> Clock {
    let ticks = Arc::new(AtomicI64::new(0));
    Arc::new(move || {
        let tick = ticks.fetch_add(1, Ordering::Relaxed) + 1;
        Timestamp::from_second(START_SECOND + tick).unwrap_or_default()
    })
}
