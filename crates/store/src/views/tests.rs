//! The views on both databases. Data is written through the entity modules' own statements, as a sync would.

use rialto_core::books::Line;
use rialto_core::consent::Cause;
use rialto_core::Instant;

use crate::groups::Described;
use crate::consent::Grounds;
use crate::views::{groups, members, overview, people, runs};
use crate::{Db, args, bridges, consent};
