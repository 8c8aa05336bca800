//! Triage: what people do with findings. Every change is made to the temporary table `chosen`, whether it holds one finding
//! or a hundred thousand, in a few statements, and written into each finding's history.

mod bulk;
mod change;
mod claims;
mod comment;
mod forecast;
mod owners;
mod sla;
mod standing;
mod team;

pub use bulk::{Bulk, BulkRow, UNDO, bulks, record, undo};
pub use change::{Change, Changed, apply, preview};
pub use comment::{Comment, comment, comments, remove_comment};
pub use forecast::{Forecast, MOST_TAKEN, TakenOff, forecast, forget_empty_sums, taken_off};
pub use owners::{Owner, Ownership, apply_owners, keep_rules, owner_of, rules};
pub use sla::{Breach, DueRow, Preview, apply_due, breaches, due_first, keep_policy, overdue, policy, preview_policy};
pub use standing::{Standing, standing};
pub use team::{Team, create_team, members_of, members_of_all, remove_team, set_members, teams};

pub(crate) use claims::{refute, tell_proven};
pub(crate) use owners::{Leaving, disown, own_opened};
pub(crate) use sla::Days;
