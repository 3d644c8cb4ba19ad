//! A METIS graph: a header `nodes edges [fmt [ncon]]`, then one line per node that lists its neighbours,
//! counted from 1.
//!
//! Lines that begin with `%` are comments. An empty line is a node without neighbours. `fmt` gives the
//! weights in a node's line: a vertex size and vertex weights before the neighbours, and an edge weight
//! after each neighbour. Edge weights shape the picture. The reader checks that the values of the nodes are
//! there, and skips them.

use super::{BadLine, quoted, weight};
use crate::input::network::Network;

pub(super) fn parse(text: &str) -> Result<Network, BadLine> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with('%'));
    let Some((number, line)) = lines.find(|(_, line)| !line.trim().is_empty()) else {
        return Ok(Network::default());
    };
    let header = Header::parse(number, line)?;

    // These grow with the lines of the file, not with the counts in the header.
    let mut arcs = Vec::new();
    let mut line_of = Vec::new();
    let mut last = number;
    for (number, line) in lines {
        last = number;
        if line_of.len() < header.nodes as usize {
            let node = u32::try_from(line_of.len()).unwrap_or(u32::MAX);
            header.node(number, node, line, &mut arcs)?;
            line_of.push(number);
        } else if !line.trim().is_empty() {
            let message =
                format!("expected the end after {} nodes, found {}", header.nodes, quoted(line.trim()));
            return Err(BadLine::new(number, message));
        }
    }
    if line_of.len() < header.nodes as usize {
        let message = format!("expected {} nodes, found the end after {}", header.nodes, line_of.len());
        return Err(BadLine::new(last, message));
    }
    if arcs.len() as u64 != 2 * header.edges {
        let message = format!(
            "expected {} neighbours below it, twice its {} edges, found {}",
            2 * header.edges,
            header.edges,
            arcs.len()
        );
        return Err(BadLine::new(number, message));
    }
    symmetric(&arcs, &line_of)?;

    // The file has each edge twice, which is no repetition.
    arcs.retain(|Arc { ends: [a, b], .. }| a < b);
    let pairs = arcs.iter().map(|arc| arc.ends).collect();
    Ok(if header.edge_weights {
        let weights: Vec<f32> = arcs.iter().map(|arc| arc.weight).collect();
        Network::weighted(header.nodes, vec![], pairs, &weights)
    } else {
        Network::new(header.nodes, vec![], pairs)
    })
}

/// A neighbour in the line of a node.
#[derive(Clone, Copy)]
struct Arc {
    /// The node of the line, and its neighbour.
    ends: [u32; 2],
    /// 1 if the file has no weights of edges.
    weight: f32,
}

/// The first line: the number of nodes and edges, and the layout of each node's line.
struct Header {
    nodes: u32,
    edges: u64,
    /// The number of values before the neighbours: a size and weights.
    leading: usize,
    /// Whether a weight follows each neighbour.
    edge_weights: bool,
}

impl Header {
    fn parse(number: usize, line: &str) -> Result<Self, BadLine> {
        let bad = |message: &str| BadLine::new(number, format!("{message}, found {}", quoted(line.trim())));
        let words: Vec<&str> = line.split_whitespace().collect();
        let (&[nodes, edges], rest) = words
            .split_first_chunk()
            .filter(|(_, rest)| rest.len() <= 2)
            .ok_or_else(|| bad("expected the header `nodes edges [fmt [ncon]]`"))?;
        let nodes =
            nodes.parse().map_err(|_| bad("expected a number of nodes below 2^32 first in the header"))?;
        let edges = edges
            .parse()
            .ok()
            .filter(|&edges: &u64| edges <= u64::MAX / 2)
            .ok_or_else(|| bad("expected a number of edges second in the header"))?;

        let fmt = rest.first().copied().unwrap_or("0");
        if fmt.len() > 3 || fmt.bytes().any(|digit| digit != b'0' && digit != b'1') {
            return Err(bad("expected up to three digits 0 or 1 for `fmt`, third in the header"));
        }
        let flag = |from_the_end: usize| fmt.bytes().rev().nth(from_the_end) == Some(b'1');
        let weights: u8 = match rest.get(1) {
            Some(ncon) => {
                ncon.parse().map_err(|_| bad("expected a number of weights fourth in the header"))?
            }
            None => 1,
        };
        let leading = usize::from(flag(2)) + if flag(1) { usize::from(weights) } else { 0 };
        Ok(Header { nodes, edges, leading, edge_weights: flag(0) })
    }

    /// Reads the line of `node` and appends its neighbours to `arcs`.
    fn node(&self, number: usize, node: u32, line: &str, arcs: &mut Vec<Arc>) -> Result<(), BadLine> {
        let mut words = line.split_whitespace();
        for _ in 0..self.leading {
            skip(number, words.next(), "a weight of the node")?;
        }
        while let Some(word) = words.next() {
            let neighbour = word
                .parse()
                .ok()
                .filter(|neighbour| (1..=self.nodes).contains(neighbour))
                .map(|neighbour| neighbour - 1)
                .ok_or_else(|| {
                    let message = format!("expected a node from 1 to {}, found {}", self.nodes, quoted(word));
                    BadLine::new(number, message)
                })?;
            if neighbour == node {
                let message = format!("expected other nodes, found node {word} as its own neighbour");
                return Err(BadLine::new(number, message));
            }
            let weight = if self.edge_weights { weight(number, words.next())? } else { 1.0 };
            arcs.push(Arc { ends: [node, neighbour], weight });
        }
        Ok(())
    }
}

/// Checks a value that does not shape the picture. A missing one would shift all values after it.
fn skip(number: usize, word: Option<&str>, what: &str) -> Result<(), BadLine> {
    match word {
        Some(word) if word.parse::<u64>().is_ok() => Ok(()),
        Some(word) => Err(BadLine::new(number, format!("expected {what}, found {}", quoted(word)))),
        None => Err(BadLine::new(number, format!("expected {what}, found the end of the line"))),
    }
}

/// Checks that every edge is in the lines of both its nodes, equally often and with equal weights.
fn symmetric(arcs: &[Arc], line_of: &[usize]) -> Result<(), BadLine> {
    // The bits of positive numbers have the order of the numbers.
    let mut there: Vec<_> = arcs.iter().map(|arc| (arc.ends, arc.weight.to_bits())).collect();
    let mut back: Vec<_> = there.iter().map(|&([a, b], weight)| ([b, a], weight)).collect();
    there.sort_unstable();
    back.sort_unstable();
    let Some((there, back)) = there.iter().zip(&back).find(|(there, back)| there != back) else {
        return Ok(());
    };
    let ([from, to], message) = if there.0 == back.0 {
        let [a, b] = [there, back].map(|(_, bits)| f32::from_bits(*bits));
        (
            there.0,
            format!("expected one weight of the edge in the lines of both its nodes, found {a} and {b}"),
        )
    } else if there < back {
        // The lesser of the two is the one without a counterpart.
        (there.0, "expected node {to} to list node {from} too, as it is listed there".into())
    } else {
        ([back.0[1], back.0[0]], "expected node {to} to list node {from} too, as it is listed there".into())
    };
    let message = message.replace("{to}", &(to + 1).to_string()).replace("{from}", &(from + 1).to_string());
    Err(BadLine::new(line_of[from as usize], message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(text: &str) -> Vec<[u32; 2]> {
        let network = parse(text).unwrap();
        assert_eq!((network.merged, network.loops), (0, 0));
        network.edges
    }

    fn complaint(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_plain_graph_with_comments() {
        assert_eq!(edges("% a path\n3 2\n2\n% in between\n1 3\n2\n"), [[0, 1], [1, 2]]);
    }

    #[test]
    fn empty_lines_are_isolated_nodes() {
        let network = parse("4 1\n\n3\n2\n\n\n\n").unwrap();
        assert_eq!((network.nodes, network.edges), (4, vec![[1, 2]]));
    }

    #[test]
    fn edges_have_weights() {
        let weights = |text| parse(text).unwrap().weights;
        assert_eq!(edges("3 2 1\n2 9\n1 9 3 8\n2 8\n"), [[0, 1], [1, 2]]);
        assert_eq!(weights("3 2 1\n2 9\n1 9 3 8\n2 8\n"), [9.0, 8.0]);
        assert_eq!(weights("3 2 011 2\n5 6 2 9\n5 6 1 9 3 8\n5 6 2 8\n"), [9.0, 8.0]);
        assert_eq!(weights("3 2 111\n4 5 2 9\n4 5 1 9 3 8\n4 5 2 8\n"), [9.0, 8.0]);
        assert_eq!(weights("3 2 110\n4 5 2\n4 5 1 3\n4 5 2\n"), [0.0; 0]);
        assert_eq!(
            complaint("3 2 1\n2 9\n1 7 3 8\n2 8\n"),
            "line 2: expected one weight of the edge in the lines of both its nodes, found 9 and 7"
        );
        assert_eq!(
            complaint("2 1 1\n2 0\n1 0\n"),
            "line 2: expected a weight of the edge, a number above 0, found `0`"
        );
    }

    #[test]
    fn weights_of_nodes_are_skipped() {
        assert_eq!(edges("3 2 10\n5 2\n5 1 3\n5 2\n"), [[0, 1], [1, 2]]);
        assert_eq!(edges("3 2 011 2\n5 6 2 9\n5 6 1 9 3 8\n5 6 2 8\n"), [[0, 1], [1, 2]]);
        assert_eq!(edges("3 2 100\n5 2\n5 1 3\n5 2\n"), [[0, 1], [1, 2]]);
    }

    #[test]
    fn an_empty_file_is_an_empty_graph() {
        assert_eq!(parse("% nothing\n").unwrap().nodes, 0);
        assert_eq!(parse("0 0\n").unwrap().nodes, 0);
    }

    #[test]
    fn bad_headers() {
        assert_eq!(complaint("5\n"), "line 1: expected the header `nodes edges [fmt [ncon]]`, found `5`");
        assert_eq!(
            complaint("1 2 0 1 7\n"),
            "line 1: expected the header `nodes edges [fmt [ncon]]`, found `1 2 0 1 7`"
        );
        assert!(complaint("%\n4294967296 1\n").starts_with("line 2: expected a number of nodes below 2^32"));
        assert!(complaint("-1 1\n").starts_with("line 1: expected a number of nodes"));
        assert!(complaint("3 x\n").starts_with("line 1: expected a number of edges"));
        assert!(complaint("3 2 21\n").starts_with("line 1: expected up to three digits 0 or 1"));
        assert!(complaint("3 2 1 x\n").starts_with("line 1: expected a number of weights"));
    }

    #[test]
    fn nodes_that_are_not_there() {
        assert_eq!(complaint("2 1\n3\n1\n"), "line 2: expected a node from 1 to 2, found `3`");
        assert_eq!(complaint("2 1\n2\n0\n"), "line 3: expected a node from 1 to 2, found `0`");
        assert_eq!(complaint("2 1\n2\n1.5\n"), "line 3: expected a node from 1 to 2, found `1.5`");
    }

    #[test]
    fn too_few_and_too_many_lines() {
        assert_eq!(complaint("3 1\n2\n1\n"), "line 3: expected 3 nodes, found the end after 2");
        assert_eq!(complaint("2 1\n2\n1\n1\n"), "line 4: expected the end after 2 nodes, found `1`");
        // Large counts in a header cost no memory.
        assert_eq!(complaint("4294967295 9\n"), "line 1: expected 4294967295 nodes, found the end after 0");
    }

    #[test]
    fn the_edges_are_counted() {
        assert_eq!(
            complaint("3 3\n2\n1 3\n2\n"),
            "line 1: expected 6 neighbours below it, twice its 3 edges, found 4"
        );
    }

    #[test]
    fn one_sided_edges() {
        let message = "line 2: expected node 3 to list node 1 too, as it is listed there";
        assert_eq!(
            complaint("3 1\n2 3\n\n\n"),
            "line 2: expected node 2 to list node 1 too, as it is listed there"
        );
        assert_eq!(complaint("3 2\n2 3\n1\n2\n"), message);
        assert_eq!(
            complaint("3 2\n2\n1\n1 2\n"),
            "line 4: expected node 1 to list node 3 too, as it is listed there"
        );
    }

    #[test]
    fn a_node_is_not_its_own_neighbour() {
        assert_eq!(
            complaint("2 1\n1\n1\n"),
            "line 2: expected other nodes, found node 1 as its own neighbour"
        );
    }

    #[test]
    fn missing_weights() {
        assert_eq!(
            complaint("2 1 1\n2\n1 5\n"),
            "line 2: expected a weight of the edge, a number above 0, found the end of the line"
        );
        assert_eq!(complaint("2 1 10\nx 2\n1 1\n"), "line 2: expected a weight of the node, found `x`");
        assert_eq!(
            complaint("2 1 10\n\n1 1\n"),
            "line 2: expected a weight of the node, found the end of the line"
        );
    }
}
