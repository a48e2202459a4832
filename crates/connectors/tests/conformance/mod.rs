//! What every connector has to do, written once: each is tried against its own simulated system over HTTP, without faults and under
//! every fault that the simulators know. A connector joins with a file that describes it (`subject::Subject`) and a line below.
//!
//! What was found stands as a table in `docs/CONNECTORS.md`; `scripts/conformance.sh` writes it, and without that the tests compare.
//!
//! - `subject`: what the suite has to know about a connector; one file each for those there are.
//! - `faults`: the faults, and the words for them.
//! - `sound`, `marks`: without faults, reading and writing. `reading`: lists and people under faults. `asking`: every other question
//!   under faults. `hostile`: answers of no decent service. `writing`: writebacks under faults.
//! - `cases`: running many side by side. `table`: the table.

mod asking;
mod cases;
mod faults;
mod hostile;
mod imis;
mod marks;
mod membersuite;
mod personify360;
mod reading;
mod sound;
mod subject;
mod table;
mod writing;

/// One test for each part of the suite and each connector.
macro_rules! conformance {
    ($($name:ident: $subject:ty),+ $(,)?) => {
        /// The columns of the table.
        const COLUMNS: &[&str] = &[$(<$subject as subject::Subject>::COLUMN),+];

        $(mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sound() {
                cases::examine::<$subject>(sound::cases::<$subject>()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn marks() {
                cases::examine::<$subject>(marks::cases::<$subject>()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn reading() {
                cases::examine::<$subject>(reading::cases::<$subject>()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn asking() {
                cases::examine::<$subject>(asking::cases::<$subject>()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn hostile() {
                cases::examine::<$subject>(hostile::cases::<$subject>()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn writing() {
                cases::examine::<$subject>(writing::cases::<$subject>()).await;
            }
        })+
    };
}

conformance! {
    of_personify360: personify360::Personify360,
    of_membersuite: membersuite::MemberSuite,
    of_imis_ems: imis::Imis<false>,
    of_imis_2017: imis::Imis<true>,
}
