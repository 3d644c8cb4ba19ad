//! The square around all nodes, divided into cells: `1 << level` per side on each level, down to the finest.

use bytemuck::{Pod, Zeroable};

/// The levels of the finest grid, which has 1,024 cells per side.
pub const MAX_LEVELS: u32 = 10;
/// The nodes' coordinates are bounded in as many shares.
pub const BOXES: u32 = 256;
/// Cells are counted in tiles of as many. One block of a card has a tile.
pub const TILE: u32 = 1024;
/// The grid becomes finer if a node's cell has more nodes than this, on average.
const CROWDED: f32 = 8.0;

/// The number of cells of one level from left to right, and from top to bottom.
pub fn side(level: u32) -> usize {
    1 << level
}

/// The number of cells of one level.
pub fn cells(level: u32) -> usize {
    1 << (2 * level)
}

/// The index of the first cell of a level, if the levels are stored one after the other, the widest first.
pub fn first_cell(level: u32) -> usize {
    (cells(level) - 1) / 3
}

/// The number of cells of all levels.
pub fn all_cells(levels: u32) -> usize {
    first_cell(levels + 1)
}

/// The number of tiles of the finest level.
pub fn tiles_of(levels: u32) -> u32 {
    (1_u32 << (2 * levels)).div_ceil(TILE)
}

/// The box around these positions: the least and the greatest coordinates.
pub fn bounds(positions: &[[f32; 2]]) -> [f32; 4] {
    positions
        .iter()
        .fold([f32::MAX, f32::MAX, f32::MIN, f32::MIN], |a_box, &[x, y]| around(a_box, [x, y, x, y]))
}

/// The box around two boxes.
fn around(one: [f32; 4], other: [f32; 4]) -> [f32; 4] {
    let ([left, top, right, bottom], [a, b, c, d]) = (one, other);
    [left.min(a), top.min(b), right.max(c), bottom.max(d)]
}

/// The place and the width of the cells of a grid's finest level. The layout is that of C, since kernels on
/// a card take the struct as it is.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable)]
pub struct Frame {
    corner: [f32; 2],
    cells_a_unit: f32,
}

impl Frame {
    /// The smallest square that holds all boxes.
    pub fn around(boxes: &[[f32; 4]], levels: u32) -> Self {
        let [left, top, right, bottom] = boxes.iter().copied().fold(bounds(&[]), around);
        let width = (right - left).max(bottom - top).max(1e-3);
        Frame { corner: [left, top], cells_a_unit: side(levels) as f32 / width }
    }

    /// Column and row of the cell that holds `position`, in a grid of as many levels.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast saturates, and then the edge is nearest"
    )]
    pub fn cell(&self, position: [f32; 2], levels: u32) -> [usize; 2] {
        [0, 1].map(|axis| {
            let cell = ((position[axis] - self.corner[axis]) * self.cells_a_unit) as usize;
            cell.min(side(levels) - 1)
        })
    }

    /// The index of the cell that holds `position` among all cells of its level, row by row.
    pub fn index(&self, position: [f32; 2], levels: u32) -> usize {
        let [column, row] = self.cell(position, levels);
        row * side(levels) + column
    }
}

/// The levels of a grid for nodes that fill the square evenly. Every picture needs at least these.
pub fn levels_for(nodes: usize) -> u32 {
    let enough = |&levels: &u32| cells(levels) as f32 * CROWDED >= nodes as f32;
    (1..MAX_LEVELS).find(enough).unwrap_or(MAX_LEVELS)
}

/// The levels of the next grid: one more than `levels` if the cells are crowded, and one less if they are
/// nearly empty. `tiles` has the sums of the nodes in each cell and of their squares.
pub fn next_levels(levels: u32, tiles: &[[u64; 2]]) -> u32 {
    let [nodes, squares] = tiles.iter().fold([0, 0], |[a, b], [nodes, squares]| [a + nodes, b + squares]);
    // The number of nodes in the cell of a node, on average, with the node itself.
    let crowd = squares as f32 / nodes as f32;
    if crowd > CROWDED && levels < MAX_LEVELS {
        levels + 1
    } else if crowd < CROWDED / 5.0 && levels > 1 {
        levels - 1
    } else {
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_lie_one_after_the_other() {
        assert_eq!([0, 1, 2, 3].map(first_cell), [0, 1, 5, 21]);
        assert_eq!((cells(2), all_cells(2)), (16, 21));
    }

    #[test]
    fn every_position_has_a_cell() {
        let frame = Frame::around(&[bounds(&[[-1.0, -1.0], [3.0, 1.0]])], 2);
        assert_eq!(frame.cell([-1.0, -1.0], 2), [0, 0]);
        assert_eq!(frame.cell([3.0, 3.0], 2), [3, 3]);
        assert_eq!(frame.cell([-9.0, f32::NAN], 2), [0, 0]);
        assert_eq!(frame.index([0.5, 1.5], 2), 2 * 4 + 1);
    }

    #[test]
    fn the_grid_follows_the_picture() {
        let follow = |mut levels: u32, positions: &[[f32; 2]]| {
            for _ in 0..10 {
                let frame = Frame::around(&[bounds(positions)], levels);
                let mut counts = vec![0_u64; cells(levels)];
                positions.iter().for_each(|&position| counts[frame.index(position, levels)] += 1);
                let tiles: Vec<_> = counts.iter().map(|count| [*count, count * count]).collect();
                levels = next_levels(levels, &tiles);
            }
            levels
        };
        let first = levels_for(1000);
        let even: Vec<[f32; 2]> = (0..1000_u16).map(|n| [f32::from(n % 32), f32::from(n / 32)]).collect();
        assert_eq!(follow(first, &even), first);
        let line: Vec<[f32; 2]> = (0..1000_u16).map(|n| [f32::from(n), 0.0]).collect();
        let finer = follow(first, &line);
        assert!(finer > first && finer < MAX_LEVELS);
        assert_eq!(follow(finer, &[[1.0, 1.0]; 1000]), MAX_LEVELS);
        assert_eq!(follow(MAX_LEVELS, &[[0.0, 0.0], [9.0, 9.0]]), 1);
    }
}
