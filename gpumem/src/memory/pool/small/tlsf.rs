//! Where in the slabs there is room: offsets only, no memory is touched.
//!
//! Pieces of a slab are nodes in the order of their addresses, so that a piece that comes free joins its
//! neighbours. Free nodes are in lists by size, eight between two powers of two, with a bit for each list
//! that is not empty: taking and giving back are a fixed number of steps however much there is. The method is
//! TLSF (Masmano, Ripoll, Crespo, Real: "TLSF: a new dynamic memory allocator for real-time systems", ECRTS
//! 2004), with its headers kept here instead of in the memory, which the host cannot write.

/// The unit of sizes and offsets, in bytes.
pub(crate) const GRAIN: usize = crate::backend::ALIGNMENT;

const NONE: u32 = u32::MAX;

/// Free pieces that are compared for the largest. Another number would do.
const LOOK: usize = 32;
const ROWS: usize = 30;

/// The pieces of all slabs.
#[derive(Debug)]
pub(crate) struct Tlsf {
    nodes: Vec<Node>,
    vacant: Vec<u32>,
    /// The first free node of each list.
    lists: [[u32; 8]; ROWS],
    /// Which rows have a list that is not empty, and which lists those are.
    rows: u32,
    columns: [u8; ROWS],
    free_grains: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    slab: u32,
    /// In grains, as `size`.
    offset: u32,
    size: u32,
    /// Neighbours in the slab.
    before: u32,
    after: u32,
    /// Neighbours in the free list.
    previous: u32,
    next: u32,
    free: bool,
}

impl Node {
    fn is_whole(&self) -> bool {
        self.free && self.before == NONE && self.after == NONE
    }
}

/// A piece that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// By which it is given back.
    pub(crate) node: u32,
    pub(crate) slab: u32,
    /// In bytes.
    pub(crate) offset: usize,
}

impl Tlsf {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            vacant: Vec::new(),
            lists: [[NONE; 8]; ROWS],
            rows: 0,
            columns: [0; ROWS],
            free_grains: 0,
        }
    }

    /// Adds a slab of `bytes` (a multiple of the grain, at most 4 GiB), all of it free. Returns its first
    /// node, which stays the first as long as the slab is there: a piece that is split keeps its node for its
    /// lower part, and pieces that join take that of the lower one.
    pub(crate) fn add(&mut self, slab: u32, bytes: usize) -> u32 {
        let size = grains(bytes);
        let node = Node {
            slab,
            offset: 0,
            size,
            before: NONE,
            after: NONE,
            previous: NONE,
            next: NONE,
            free: false,
        };
        let index = self.new_node(node);
        self.insert(index);
        index
    }

    /// Takes a piece of `bytes` (a multiple of the grain), if there is room for it in one place. Where only
    /// the list of its own size is left, `thorough` looks at all that is in there.
    pub(crate) fn take(&mut self, bytes: usize, thorough: bool) -> Option<Piece> {
        let size = grains(bytes);
        let index = self.find(size, thorough)?;
        self.remove(index);
        let Node { slab, offset, size: found, after, .. } = self.nodes[index as usize];
        if found > size {
            let rest = self.new_node(Node {
                slab,
                offset: offset + size,
                size: found - size,
                before: index,
                after,
                previous: NONE,
                next: NONE,
                free: false,
            });
            if after != NONE {
                self.nodes[after as usize].before = rest;
            }
            let node = &mut self.nodes[index as usize];
            (node.size, node.after) = (size, rest);
            self.insert(rest);
        }
        Some(Piece { node: index, slab, offset: offset as usize * GRAIN })
    }

    /// Gives a piece back. Returns its slab when all of that is free now.
    pub(crate) fn give_back(&mut self, piece: u32) -> Option<u32> {
        let mut index = piece;
        debug_assert!(!self.nodes[index as usize].free);
        let Node { before, after, .. } = self.nodes[index as usize];
        if after != NONE && self.nodes[after as usize].free {
            self.remove(after);
            self.join(index, after);
        }
        if before != NONE && self.nodes[before as usize].free {
            self.remove(before);
            self.join(before, index);
            index = before;
        }
        self.insert(index);
        let node = self.nodes[index as usize];
        node.is_whole().then_some(node.slab)
    }

    /// The slab that a piece belongs to.
    pub(crate) fn slab_of(&self, piece: u32) -> u32 {
        self.nodes[piece as usize].slab
    }

    /// Whether all of a slab is free, by its first node.
    pub(crate) fn is_whole(&self, first: u32) -> bool {
        self.nodes[first as usize].is_whole()
    }

    /// Takes a slab out that is [whole](Self::is_whole).
    pub(crate) fn remove_slab(&mut self, node: u32) {
        debug_assert!(self.nodes[node as usize].free);
        self.remove(node);
        self.vacate(node);
    }

    /// Bytes of all free pieces.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_grains * GRAIN as u64
    }

    /// The size of the largest of the first free pieces of the last list that has any, in bytes. The pieces
    /// of a list differ by an eighth at most.
    pub(crate) fn largest(&self) -> usize {
        let Some(row) = self.rows.checked_ilog2() else { return 0 };
        let row = row as usize;
        let Some(column) = self.columns[row].checked_ilog2() else { return 0 };
        let mut largest = 0;
        let mut index = self.lists[row][column as usize];
        for _ in 0..LOOK {
            let Some(node) = self.nodes.get(index as usize) else { break };
            largest = largest.max(node.size);
            index = node.next;
        }
        largest as usize * GRAIN
    }

    /// Compares the sum of the free pieces with the pieces themselves, and looks for free neighbours that
    /// have not joined.
    #[cfg(all(debug_assertions, feature = "testing"))]
    pub(crate) fn audit(&self) {
        let free = |index: u32| index != NONE && self.nodes[index as usize].free;
        let nodes = self.nodes.iter().filter(|node| node.free);
        let mut grains = 0;
        for node in nodes {
            grains += u64::from(node.size);
            assert!(!free(node.before) && !free(node.after), "gpumem: free neighbours have not joined");
        }
        assert_eq!(grains, self.free_grains, "gpumem: free grains");
    }

    /// The size of the largest free piece in bytes, and how many free pieces there are.
    pub(crate) fn free_pieces(&self) -> (usize, usize) {
        let free = || self.nodes.iter().filter(|node| node.free);
        (free().map(|node| node.size as usize * GRAIN).max().unwrap_or(0), free().count())
    }

    /// A free node of at least `size`.
    fn find(&self, size: u32, thorough: bool) -> Option<u32> {
        // In the list that `size` itself belongs to there may be smaller ones, so the search begins one
        // further on.
        let (row, column) = place(size);
        let further = self.columns[row] & (0xfe << column);
        if further != 0 {
            return Some(self.lists[row][further.trailing_zeros() as usize]);
        }
        let rows = self.rows & (u32::MAX - 1) << row;
        if rows != 0 {
            let row = rows.trailing_zeros() as usize;
            return Some(self.lists[row][self.columns[row].trailing_zeros() as usize]);
        }
        // Before giving up, some of its own list.
        let mut index = self.lists[row][column];
        let looks = if thorough { usize::MAX } else { 16 };
        for _ in 0..looks {
            let node = self.nodes.get(index as usize)?;
            if node.size >= size {
                return Some(index);
            }
            index = node.next;
        }
        None
    }

    fn insert(&mut self, index: u32) {
        let (row, column) = place(self.nodes[index as usize].size);
        let next = std::mem::replace(&mut self.lists[row][column], index);
        let node = &mut self.nodes[index as usize];
        (node.free, node.previous, node.next) = (true, NONE, next);
        self.free_grains += u64::from(node.size);
        if next != NONE {
            self.nodes[next as usize].previous = index;
        }
        self.columns[row] |= 1 << column;
        self.rows |= 1 << row;
    }

    fn remove(&mut self, index: u32) {
        let node = &mut self.nodes[index as usize];
        node.free = false;
        let Node { size, previous, next, .. } = *node;
        self.free_grains -= u64::from(size);
        if next != NONE {
            self.nodes[next as usize].previous = previous;
        }
        if previous != NONE {
            self.nodes[previous as usize].next = next;
            return;
        }
        let (row, column) = place(size);
        self.lists[row][column] = next;
        if next == NONE {
            self.columns[row] &= !(1 << column);
            if self.columns[row] == 0 {
                self.rows &= !(1 << row);
            }
        }
    }

    /// Makes `second`, which lies after `first`, a part of it.
    fn join(&mut self, first: u32, second: u32) {
        let Node { size, after, .. } = self.nodes[second as usize];
        let node = &mut self.nodes[first as usize];
        node.size += size;
        node.after = after;
        if after != NONE {
            self.nodes[after as usize].before = first;
        }
        self.vacate(second);
    }

    fn new_node(&mut self, node: Node) -> u32 {
        if let Some(index) = self.vacant.pop() {
            self.nodes[index as usize] = node;
            return index;
        }
        #[allow(clippy::cast_possible_truncation)] // 2^32 pieces of 256 bytes are a TiB in pieces
        let index = self.nodes.len() as u32;
        self.nodes.push(node);
        index
    }

    fn vacate(&mut self, index: u32) {
        self.nodes[index as usize].free = false;
        self.nodes[index as usize].slab = NONE;
        self.vacant.push(index);
    }
}

/// The list of free pieces of this size: its row, and the column in it.
fn place(size: u32) -> (usize, usize) {
    if size < 8 {
        return (0, size as usize);
    }
    let power = size.ilog2();
    ((power - 2) as usize, (size >> (power - 3)) as usize & 7)
}

#[allow(clippy::cast_possible_truncation)] // slabs have at most 4 GiB, so this fits
fn grains(bytes: usize) -> u32 {
    debug_assert!(bytes.is_multiple_of(GRAIN) && bytes / GRAIN <= u32::MAX as usize);
    (bytes / GRAIN) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces against a plain map of which grain is whose.
    #[test]
    fn pieces_never_overlap_and_join_when_they_are_free() {
        let mut random = 88_172_645_463_325_252_u64;
        let mut next = move |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let mut tlsf = Tlsf::new();
        let slab = 4096 * GRAIN;
        let firsts = [tlsf.add(0, slab), tlsf.add(1, slab)];
        let mut taken = vec![vec![false; 4096]; 2];
        let mut live: Vec<(Piece, usize)> = Vec::new();
        for _ in 0..20_000 {
            if next(100) < 55 {
                let size = 1 + usize::try_from(next(200)).unwrap();
                let Some(piece) = tlsf.take(size * GRAIN, false) else { continue };
                let first = piece.offset / GRAIN;
                for grain in &mut taken[piece.slab as usize][first..first + size] {
                    assert!(!std::mem::replace(grain, true), "given twice");
                }
                live.push((piece, size));
            } else if !live.is_empty() {
                let index = usize::try_from(next(live.len() as u64)).unwrap();
                let (piece, size) = live.swap_remove(index);
                let first = piece.offset / GRAIN;
                taken[piece.slab as usize][first..first + size].fill(false);
                tlsf.give_back(piece.node);
            }
            let free = taken.iter().flatten().filter(|taken| !**taken).count();
            assert_eq!(tlsf.free_bytes(), (free * GRAIN) as u64);
            // Neighbours have joined: there are as many free pieces as there are runs.
            if live.len().is_multiple_of(64) {
                let runs = |slab: &Vec<bool>| slab.chunk_by(|a, b| a == b).filter(|run| !run[0]).count();
                assert_eq!(tlsf.free_pieces().1, taken.iter().map(runs).sum::<usize>());
            }
        }
        let last = live.into_iter().filter_map(|(piece, _)| tlsf.give_back(piece.node)).count();
        assert!(last >= 2, "both slabs are whole again");
        assert_eq!(tlsf.free_pieces(), (slab, 2));
        for first in firsts {
            assert!(tlsf.is_whole(first));
            tlsf.remove_slab(first);
            assert!(!tlsf.is_whole(first));
        }
        assert_eq!((tlsf.free_bytes(), tlsf.take(GRAIN, true)), (0, None));
    }

    #[test]
    fn what_fits_exactly_is_found() {
        let mut tlsf = Tlsf::new();
        tlsf.add(0, 1000 * GRAIN);
        let all = tlsf.take(1000 * GRAIN, false).unwrap();
        assert_eq!(tlsf.take(GRAIN, true), None);
        assert_eq!(tlsf.give_back(all.node), Some(0));
        assert!(tlsf.take(1001 * GRAIN, true).is_none() && tlsf.take(1000 * GRAIN, false).is_some());
    }
}
