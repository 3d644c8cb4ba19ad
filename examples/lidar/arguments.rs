//! The values that all kernels of one chunk take.

use bytemuck::NoUninit;

/// The arguments of the kernels for one chunk. The layout is that of C, since kernels on a card take the
/// struct as it is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, NoUninit)]
pub struct Step {
    /// The number of positions: the chunk's own, and those around them.
    pub total: u32,
    /// The index of the first of the chunk's own positions.
    pub first: u32,
    /// The number of the chunk's own positions.
    pub count: u32,
    /// The number of rows, and the number of the first of them in the tile.
    pub rows: u32,
    pub first_row: u32,
    /// The height of a row, at least the radius. This and `reach` are in integers of the file.
    pub row_height: u32,
    /// The radius along x, rounded up.
    pub reach: u32,
    /// Multiplies an integer of the file, and gives a length in radii.
    pub scale: [f32; 3],
    /// Multiplies a number of points in the circle, and gives points per square unit.
    pub per_area: f32,
    /// The columns and lines of the raster of the ground.
    pub raster: [u32; 2],
    /// Multiplies an integer of the file, and gives a length in cells of that raster.
    pub cells: [f32; 2],
    /// Multiplies an integer of the file, and gives a height in units.
    pub up: f32,
    /// 1 if the file has near infrared, 0 if not.
    pub infrared: u32,
}
