//! The domain of Plumbline: its words as types, and the arithmetic of score and risk.
//!
//! Pure: no I/O, no clock and no randomness of its own. Everything else depends on this crate and it depends on
//! nothing of ours. `docs/ARCHITECTURE.md` draws the whole house.

pub mod address;
pub mod allowed;
pub mod clock;
pub mod collect;
pub mod criticality;
pub mod environment;
pub mod exception;
pub mod filter;
pub mod fix;
pub mod glob;
pub mod id;
pub mod kind;
pub mod layer;
pub mod path;
pub mod plan;
pub mod resource;
pub mod risk;
pub mod role;
pub mod scope;
pub mod score;
pub mod signature;
pub mod stack;
pub mod stir;
pub mod text;
pub mod ticket;
pub mod triage;
pub mod verdict;
