//! The square around all nodes, divided into cells: `1 << level` per side on each level, down to the finest.

use bytemuck::{Pod, Zeroable};

/// The levels of the finest grid, which has 1,024 cells per side.
pub const MAX_LEVELS: u32 = 10;
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

/// The least and the greatest coordinates.
pub fn bounds(positions: &[[f32; 2]]) -> ([f32; 2], [f32; 2]) {
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    for position in positions {
        for axis in [0, 1] {
            low[axis] = low[axis].min(position[axis]);
            high[axis] = high[axis].max(position[axis]);
        }
    }
    (low, high)
}

/// The place and the width of the cells of a grid's finest level. The layout is that of C, since kernels on a
/// card take the struct as it is.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable)]
pub struct Frame {
    corner: [f32; 2],
    cells_a_unit: f32,
}

impl Frame {
    /// The smallest square that holds all positions.
    pub fn around(positions: &[[f32; 2]], levels: u32) -> Self {
        let (low, high) = bounds(positions);
        let width = (high[0] - low[0]).max(high[1] - low[1]).max(1e-3);
        Frame { corner: low, cells_a_unit: side(levels) as f32 / width }
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

/// The fineness of a grid for a picture that spreads and contracts from step to step.
pub struct Fineness {
    /// Levels of the grid.
    pub levels: u32,
    counts: Vec<u32>,
}

impl Fineness {
    /// Enough levels for nodes that fill the square evenly. Every picture needs at least these.
    pub fn new(nodes: usize) -> Self {
        let mut levels = 1;
        while levels < MAX_LEVELS && (cells(levels) as f32) * CROWDED < nodes as f32 {
            levels += 1;
        }
        Fineness { levels, counts: vec![] }
    }

    /// Adds one level if the cells are crowded, and takes one away if they are nearly empty.
    pub fn follow(&mut self, positions: &[[f32; 2]]) {
        let crowd = self.crowd(positions);
        if crowd > CROWDED && self.levels < MAX_LEVELS {
            self.levels += 1;
        } else if crowd < CROWDED / 5.0 && self.levels > 1 {
            self.levels -= 1;
        }
    }

    /// The number of nodes in the cell of a node, on average, with the node itself.
    fn crowd(&mut self, positions: &[[f32; 2]]) -> f32 {
        let frame = Frame::around(positions, self.levels);
        self.counts.clear();
        self.counts.resize(cells(self.levels), 0);
        for &position in positions {
            self.counts[frame.index(position, self.levels)] += 1;
        }
        self.counts.iter().map(|&count| count as f32 * count as f32).sum::<f32>() / positions.len() as f32
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
        let frame = Frame::around(&[[-1.0, -1.0], [3.0, 1.0]], 2);
        assert_eq!(frame.cell([-1.0, -1.0], 2), [0, 0]);
        assert_eq!(frame.cell([3.0, 3.0], 2), [3, 3]);
        assert_eq!(frame.cell([-9.0, f32::NAN], 2), [0, 0]);
        assert_eq!(frame.index([0.5, 1.5], 2), 2 * 4 + 1);
    }

    #[test]
    fn the_grid_follows_the_picture() {
        let mut fineness = Fineness::new(1000);
        let first = fineness.levels;
        let even: Vec<[f32; 2]> = (0..1000_u16).map(|n| [f32::from(n % 32), f32::from(n / 32)]).collect();
        fineness.follow(&even);
        assert_eq!(fineness.levels, first);
        let line: Vec<[f32; 2]> = (0..1000_u16).map(|n| [f32::from(n), 0.0]).collect();
        (0..10).for_each(|_| fineness.follow(&line));
        assert!(fineness.levels > first && fineness.levels < MAX_LEVELS);
        (0..10).for_each(|_| fineness.follow(&[[1.0, 1.0]; 1000]));
        assert_eq!(fineness.levels, MAX_LEVELS);
        (0..10).for_each(|_| fineness.follow(&[[0.0, 0.0], [9.0, 9.0]]));
        assert_eq!(fineness.levels, 1);
    }
}
