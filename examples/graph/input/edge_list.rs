//! A list of edges: two nodes per line and perhaps a weight, separated by a comma, a tab or spaces.
//!
//! The reader skips empty lines, lines that begin with `#`, and a header (`node_1,node_2`). The first edge
//! decides the kind of the nodes. If it joins two numbers, every line must join numbers. Otherwise nodes are
//! names, of any text. It also decides whether the lines have weights.

use std::collections::HashMap;

use super::{BadLine, quoted, weight};
use crate::input::network::Network;

/// First lines that are a header even if the nodes have names.
const HEADERS: [[&str; 2]; 6] = [
    ["source", "target"],
    ["from", "to"],
    ["src", "dst"],
    ["node_1", "node_2"],
    ["node1", "node2"],
    ["id_1", "id_2"],
];

pub(super) fn parse(text: &str) -> Result<Network, BadLine> {
    let mut lines = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .map(|(number, line)| Ok((number, fields(number, line)?)))
        .peekable();

    let Some(first) = lines.next().transpose()? else { return Ok(Network::default()) };
    let second = match lines.peek() {
        Some(Ok((_, fields))) => Some(*fields),
        _ => None,
    };
    let header = is_header(first.1, second);
    let sample = if header { second.unwrap_or_default() } else { first.1 };
    let numbered = sample.nodes[0].is_empty() || are_numbers(sample);
    let weighted = sample.weight.is_some();

    let mut index = HashMap::new();
    let mut names = Vec::new();
    let mut pairs = Vec::new();
    let mut weights = Vec::new();
    for line in (!header).then_some(Ok(first)).into_iter().chain(lines) {
        let (number, fields) = line?;
        if weighted {
            weights.push(weight(number, fields.weight)?);
        } else if fields.weight.is_some() {
            return Err(BadLine::new(number, "expected two nodes as on the lines before, found 3 fields"));
        }
        let mut pair = [0; 2];
        for (end, name) in pair.iter_mut().zip(fields.nodes) {
            let name = if numbered { canonical(number, name)? } else { name };
            let new = u32::try_from(index.len())
                .map_err(|_| BadLine::new(number, format!("expected at most {} nodes", u32::MAX)))?;
            *end = *index.entry(name).or_insert_with(|| {
                names.push(name);
                new
            });
        }
        pairs.push(pair);
    }
    let nodes = pairs.as_flattened().iter().max().map_or(0, |last| last + 1);
    let names = if numbered { vec![] } else { names.into_iter().map(String::from).collect() };
    Ok(if weighted {
        Network::weighted(nodes, names, pairs, &weights)
    } else {
        Network::new(nodes, names, pairs)
    })
}

/// The fields of a line.
#[derive(Clone, Copy, Default)]
struct Fields<'a> {
    nodes: [&'a str; 2],
    weight: Option<&'a str>,
}

fn fields(number: usize, line: &str) -> Result<Fields<'_>, BadLine> {
    let found: Vec<&str> = if line.contains(',') {
        line.split(',').map(str::trim).collect()
    } else if line.trim().contains('\t') {
        line.trim().split('\t').map(str::trim).collect()
    } else {
        line.split_whitespace().collect()
    };
    match found[..] {
        [a, b] if !a.is_empty() && !b.is_empty() => Ok(Fields { nodes: [a, b], weight: None }),
        [a, b, weight] if !a.is_empty() && !b.is_empty() => {
            Ok(Fields { nodes: [a, b], weight: Some(weight) })
        }
        [_, _] | [_, _, _] => {
            Err(BadLine::new(number, format!("expected a node on both sides, found {}", quoted(line))))
        }
        _ => {
            let count = found.len();
            let s = if count == 1 { "" } else { "s" };
            Err(BadLine::new(number, format!("expected two nodes, found {count} field{s}: {}", quoted(line))))
        }
    }
}

/// A header is a known pair of words, or a line without numbers above a line of numbers.
fn is_header(first: Fields<'_>, second: Option<Fields<'_>>) -> bool {
    let first = first.nodes;
    let known = HEADERS.iter().any(|words| first.iter().zip(words).all(|(a, b)| a.eq_ignore_ascii_case(b)));
    known || (first.iter().all(|name| !is_number(name)) && second.is_some_and(are_numbers))
}

fn are_numbers(fields: Fields<'_>) -> bool {
    fields.nodes.into_iter().all(is_number)
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number without leading zeros, so that `007` and `7` are one node.
fn canonical(number: usize, name: &str) -> Result<&str, BadLine> {
    if !is_number(name) {
        let message = format!("expected a node number as on the lines before, found {}", quoted(name));
        return Err(BadLine::new(number, message));
    }
    let digits = name.trim_start_matches('0');
    Ok(if digits.is_empty() { "0" } else { digits })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(text: &str) -> Vec<[u32; 2]> {
        parse(text).unwrap().edges
    }

    fn complaint(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn commas_tabs_and_spaces() {
        for text in ["0,1\n1,2\n", "0\t1\n1\t2\n", "0 1\n1   2\n", " 0 , 1\r\n1,2", "0,1\n1 2\n"] {
            assert_eq!(edges(text), [[0, 1], [1, 2]], "{text:?}");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_skipped() {
        assert_eq!(edges("# a graph\n\n5 6\n  # more\n6 7\n\n"), [[0, 1], [1, 2]]);
    }

    #[test]
    fn a_header_is_no_edge() {
        assert_eq!(edges("node_1,node_2\n0,1\n"), [[0, 1]]);
        assert_eq!(edges("Freunde,von\n0,1\n"), [[0, 1]]);
        assert_eq!(parse("source\ttarget\nann\tbob\n").unwrap().names, ["ann", "bob"]);
        assert_eq!(parse("source,target\n").unwrap().nodes, 0);
    }

    #[test]
    fn names_are_kept_and_may_hold_spaces() {
        let network = parse("Ann Lee,Bob\nBob,7\n").unwrap();
        assert_eq!(network.names, ["Ann Lee", "Bob", "7"]);
        assert_eq!(network.edges, [[0, 1], [1, 2]]);
    }

    #[test]
    fn numbers_are_any_size_and_no_names() {
        let network = parse("99999999999999999999 7\n007 5\n").unwrap();
        assert_eq!((network.nodes, network.names.len()), (3, 0));
        assert_eq!(network.edges, [[0, 1], [1, 2]]);
    }

    #[test]
    fn both_directions_are_one_edge() {
        let network = parse("1 2\n2 1\n1 2\n3 3\n").unwrap();
        assert_eq!((network.nodes, network.edges.len()), (3, 1));
        assert_eq!((network.merged, network.loops), (2, 1));
    }

    #[test]
    fn an_empty_file_is_an_empty_graph() {
        assert_eq!(parse("").unwrap().nodes, 0);
        assert_eq!(parse("# nothing\n\n").unwrap().nodes, 0);
    }

    #[test]
    fn one_field() {
        assert_eq!(complaint("0,1\n2\n"), "line 2: expected two nodes, found 1 field: `2`");
    }

    #[test]
    fn a_third_field_is_a_weight() {
        for text in ["0 1 0.5\n1 2 3e1\n", "source,target,weight\n0,1,.5\n1,2,30\n"] {
            let network = parse(text).unwrap();
            assert_eq!((network.edges, network.weights), (vec![[0, 1], [1, 2]], vec![0.5, 30.0]), "{text}");
        }
        let network = parse("ann,bob,2\nbob,ann,3\n").unwrap();
        assert_eq!((network.names.len(), network.weights), (2, vec![5.0]));
    }

    #[test]
    fn bad_weights() {
        for (text, found) in [
            ("a,b,c\n", "line 1: ..., found `c`"),
            ("0 1 1\n1 2 0\n", "line 2: ..., found `0`"),
            ("0 1 1\n1 2 -4\n", "line 2: ..., found `-4`"),
            ("0 1 1\n1 2 nan\n", "line 2: ..., found `nan`"),
            ("0 1 1\n1 2 1e99\n", "line 2: ..., found `1e99`"),
            ("0,1,1\n1,2,\n", "line 2: ..., found ``"),
            ("0 1 1\n1 2\n", "line 2: ..., found the end of the line"),
        ] {
            let expected = found.replace("...", "expected a weight of the edge, a number above 0");
            assert_eq!(complaint(text), expected);
        }
        assert_eq!(
            complaint("0 1\n1 2 3\n"),
            "line 2: expected two nodes as on the lines before, found 3 fields"
        );
        assert!(complaint("0 1 2 3\n").starts_with("line 1: expected two nodes, found 4 fields"));
    }

    #[test]
    fn an_empty_field() {
        assert_eq!(complaint("0,1\n\n5,\n"), "line 3: expected a node on both sides, found `5,`");
        assert_eq!(complaint(",\n"), "line 1: expected a node on both sides, found `,`");
    }

    #[test]
    fn a_name_among_numbers() {
        assert_eq!(
            complaint("from,to\n0,1\n1,x\n"),
            "line 3: expected a node number as on the lines before, found `x`"
        );
        assert_eq!(
            complaint("0,1\n1,-2\n"),
            "line 2: expected a node number as on the lines before, found `-2`"
        );
        assert_eq!(
            complaint("0,1\n1,2.5\n"),
            "line 2: expected a node number as on the lines before, found `2.5`"
        );
    }

    #[test]
    fn a_long_line_is_cut_in_the_message() {
        let message = complaint(&"word ".repeat(1000));
        assert!(
            message.starts_with("line 1: expected two nodes, found 1000 fields: `word word")
                && message.len() < 120
        );
    }
}
