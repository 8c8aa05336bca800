use crate::reader::Reader;

pub(super) const READERS: &[Reader] = &[];
