//! Unfolds a connected part by the distances of its nodes from a few of them.
//!
//! Forces alone need thousands of steps to untangle a large graph. Distances along its edges give the
//! overall shape at once (`PivotMDS`, Brandes and Pich 2007). A breadth-first search from each of a few
//! pivots, far from each other, makes one coordinate per pivot. The main axes of that cloud are the axes of
//! the picture.

use fastrand::Rng;

use super::Part;
use crate::input::network::Adjacency;

/// Searches per part. More searches make a truer shape, and take longer.
const PIVOTS: usize = 32;
/// Rounds of the power iteration, enough to tell the main axes from the others.
const ROUNDS: usize = 100;

/// Three coordinates per node, the widest spread first. The first coordinate spreads by about 1 around 0.
pub(super) fn unfold(adjacency: Adjacency<'_>, part: &Part, row_of: &[u32], rng: &mut Rng) -> Vec<[f32; 3]> {
    let mut columns = distances(adjacency, part, row_of, rng);
    centre(&mut columns);
    let axes = main_axes(&columns, rng);
    let along =
        |axis: &[f32], row: usize| columns.iter().zip(axis).map(|(column, part)| column[row] * part).sum();
    let mut rows: Vec<[f32; 3]> =
        (0..part.nodes.len()).map(|row| [0, 1, 2].map(|axis| along(&axes[axis], row))).collect();

    let count = rows.len() as f32;
    let square = rows.iter().map(|[x, _, _]| x * x).sum::<f32>() / count;
    let scale = 1.0 / square.sqrt().max(f32::MIN_POSITIVE);
    for row in &mut rows {
        // Otherwise nodes at the same distances from every pivot would start, and stay, at one point.
        *row = row.map(|value| value * scale + (rng.f32() - 0.5) / count.sqrt());
    }
    rows
}

/// One column per pivot: the number of edges to each node, squared.
fn distances(adjacency: Adjacency<'_>, part: &Part, row_of: &[u32], rng: &mut Rng) -> Vec<Vec<f32>> {
    let rows = part.nodes.len();
    let mut pivot = rng.usize(..rows);
    let mut nearest = vec![u32::MAX; rows];
    let mut columns = Vec::new();
    for _ in 0..PIVOTS.min(rows) {
        let hops = hops(adjacency, part, row_of, pivot);
        columns.push(hops.iter().map(|&hops| hops as f32 * hops as f32).collect());
        for (nearest, hops) in nearest.iter_mut().zip(hops) {
            *nearest = hops.min(*nearest);
        }
        // The next pivot is the node that is farthest from all pivots so far.
        pivot = (0..rows).max_by_key(|&row| nearest[row]).unwrap_or(0);
    }
    columns
}

/// The number of edges from one node to each node.
fn hops(adjacency: Adjacency<'_>, part: &Part, row_of: &[u32], start: usize) -> Vec<u32> {
    let mut hops = vec![u32::MAX; part.nodes.len()];
    hops[start] = 0;
    let mut queue = vec![part.nodes[start]];
    let mut next = 0;
    while let Some(&node) = queue.get(next) {
        next += 1;
        let farther = hops[row_of[node as usize] as usize] + 1;
        for &neighbour in adjacency.of(node as usize) {
            let hops = &mut hops[row_of[neighbour as usize] as usize];
            if *hops == u32::MAX {
                *hops = farther;
                queue.push(neighbour);
            }
        }
    }
    hops
}

/// Subtracts the mean from each row and from each column, as classical scaling does with squared distances.
#[expect(clippy::cast_possible_truncation, reason = "the sum is made in f64, the values are f32")]
fn centre(columns: &mut [Vec<f32>]) {
    let rows = columns.first().map_or(0, Vec::len);
    for row in 0..rows {
        let mean = columns.iter().map(|column| column[row]).sum::<f32>() / columns.len() as f32;
        columns.iter_mut().for_each(|column| column[row] -= mean);
    }
    for column in columns {
        let mean = column.iter().map(|&value| f64::from(value)).sum::<f64>() / rows as f64;
        column.iter_mut().for_each(|value| *value -= mean as f32);
    }
}

/// The three axes along which the rows spread most, by power iteration on the products of the columns.
#[expect(clippy::cast_possible_truncation, reason = "sums are made in f64, coordinates are f32")]
fn main_axes(columns: &[Vec<f32>], rng: &mut Rng) -> [Vec<f32>; 3] {
    let product = |a: &Vec<f32>, b: &Vec<f32>| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum();
    let products: Vec<Vec<f64>> =
        columns.iter().map(|a| columns.iter().map(|b| product(a, b)).collect()).collect();
    let mut axes: Vec<Vec<f64>> = Vec::new();
    [0, 1, 2].map(|_| {
        let mut axis: Vec<f64> = columns.iter().map(|_| rng.f64() - 0.5).collect();
        for _ in 0..ROUNDS {
            axis = products.iter().map(|row| dot(row, &axis)).collect();
            for other in &axes {
                let along = dot(&axis, other);
                axis.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
            }
            let length = dot(&axis, &axis).sqrt().max(f64::MIN_POSITIVE);
            axis.iter_mut().for_each(|value| *value /= length);
        }
        axes.push(axis.clone());
        axis.into_iter().map(|value| value as f32).collect()
    })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
