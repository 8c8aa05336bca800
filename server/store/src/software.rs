//! Packages, what they are installed in, and what is known to be wrong with them.

mod component;
mod flaw;
mod image;
mod image_flaw;
mod matching;
mod package;

pub use component::{ComponentFlaw, ComponentRow, component, component_flaws, component_images, components};
pub use flaw::{
    AffectedImage, FeedsIn, FlawDetail, FlawFinding, FlawRow, affected_images, feeds_in, findings_of_flaw, flaw, flaws,
    open_flaws,
};
pub use image::{
    BaseImage, ImageComponent, ImageSight, LayerSum, base_of, components_of_image, fixes_of, layer_sums, read_at,
    sight_of_images,
};
pub use image_flaw::{
    ImageFlaw, ImageLayers, flaw_classes, flaw_ids, flaw_rows, image_layers, of_images, unjudged_of_images,
};
pub use matching::{
    Candidate, PackageFlaw, candidates, ecosystems_of, follow, holders_of, judge, note_changes, to_judge,
    told_ecosystems,
};
pub use package::{Installation, NewPackage, install, unknown_of_run};
