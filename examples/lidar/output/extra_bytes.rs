//! Features as extra bytes: bytes at the end of each record, which a variable length record describes
//! (`LASF_Spec`, number 4, of the specification of LAS 1.4). Other programs read them by these names.

use anyhow::{Context, Result, bail, ensure};
use las::{Builder, Header, Vlr};

use crate::cloud::SCALARS;

const USER: &str = "LASF_Spec";
const NUMBER: u16 = 4;
/// The bytes of the description of one dimension.
const DESCRIPTION: usize = 192;
/// The type `float` of a dimension. Type 0 is bytes that nothing is known of, and `options` their number.
const FLOAT: u8 = 9;

/// The dimensions that are added to each record, all of them floats.
pub struct Dimensions {
    pub names: Vec<&'static str>,
}

impl Dimensions {
    fn of(header: &Header) -> Self {
        let format = header.point_format();
        let scalars = match (format.has_color, format.has_nir) {
            (false, _) => &SCALARS[..6],
            (true, false) => &SCALARS[..9],
            (true, true) => &SCALARS,
        };
        Self { names: ["NormalX", "NormalY", "NormalZ"].iter().chain(scalars).copied().collect() }
    }
}

/// The header of a compressed file that has the features too.
pub fn header_with(header: &Header) -> Result<(Header, Dimensions)> {
    let dimensions = Dimensions::of(header);
    let mut builder = Builder::from(header.clone());
    let format = &mut builder.point_format;
    ensure!(!format.has_waveform, "points with waveforms cannot be written as LAZ");
    let before = format.extra_bytes;
    let added = u16::try_from(dimensions.names.len() * size_of::<f32>())?;
    format.extra_bytes = before.checked_add(added).context("the records would be too long")?;
    format.is_compressed = true;
    let mut descriptions = Vec::new();
    // How the old file was compressed, or laid out for streaming, says nothing of the new one.
    builder.vlrs.retain(|vlr| !["laszip encoded", "copc"].contains(&vlr.user_id.as_str()));
    builder.evlrs.retain(|vlr| vlr.user_id != "copc");
    for vlrs in [&mut builder.vlrs, &mut builder.evlrs] {
        vlrs.retain(|vlr| {
            let described = vlr.user_id == USER && vlr.record_id == NUMBER;
            if described {
                descriptions.extend_from_slice(&vlr.data);
            }
            !described
        });
    }
    check(&descriptions, &dimensions, before)?;
    let mut undescribed = before - described(&descriptions).min(before);
    while undescribed > 0 {
        let bytes = undescribed.min(255) as u8;
        descriptions.extend_from_slice(&description("undocumented", 0, bytes, ""));
        undescribed -= u16::from(bytes);
    }
    for name in &dimensions.names {
        descriptions.extend_from_slice(&description(name, FLOAT, 0, meaning(name)));
    }
    builder.vlrs.push(Vlr {
        user_id: USER.into(),
        record_id: NUMBER,
        description: "Extra bytes".into(),
        data: descriptions,
    });
    builder.vlr_padding.clear();
    builder.point_padding.clear();
    builder.generating_software = "gpumem, example lidar".into();
    let header = builder.into_header().context("the header cannot take the features")?;
    Ok((header, dimensions))
}

/// Reports descriptions that are damaged, or have one of the names already.
fn check(descriptions: &[u8], dimensions: &Dimensions, bytes: u16) -> Result<()> {
    ensure!(
        descriptions.len().is_multiple_of(DESCRIPTION),
        "the description of the extra bytes has no whole number of entries"
    );
    for entry in descriptions.chunks_exact(DESCRIPTION) {
        let name = entry[4..36].split(|byte| *byte == 0).next().unwrap_or_default();
        if let Some(name) = dimensions.names.iter().find(|own| own.as_bytes() == name) {
            bail!("the points have a dimension `{name}` already: is this a file that this program wrote?");
        }
    }
    let described = described(descriptions);
    ensure!(described <= bytes, "the points have {bytes} extra bytes, but {described} are described");
    Ok(())
}

/// The number of bytes that are described.
fn described(descriptions: &[u8]) -> u16 {
    descriptions.chunks_exact(DESCRIPTION).fold(0, |sum: u16, entry| {
        let bytes = match entry[2] {
            0 => u16::from(entry[3]),
            kind => {
                // Types 1 to 10 are single numbers, and 11 to 30 were pairs and triples of them.
                let (one, numbers) = (usize::from((kind - 1) % 10), u16::from((kind - 1) / 10 + 1));
                let size = [1, 1, 2, 2, 4, 4, 8, 8, 4, 8][one];
                size * numbers
            }
        };
        sum.saturating_add(bytes)
    })
}

/// The description of one dimension.
fn description(name: &str, kind: u8, options: u8, meaning: &str) -> [u8; DESCRIPTION] {
    let mut entry = [0; DESCRIPTION];
    (entry[2], entry[3]) = (kind, options);
    for (place, text) in [(4, name), (160, meaning)] {
        let text = text.as_bytes();
        let length = text.len().min(32);
        entry[place..place + length].copy_from_slice(&text[..length]);
    }
    entry
}

/// The meaning of a dimension, in at most 32 letters.
fn meaning(name: &str) -> &'static str {
    match name {
        "NormalX" | "NormalY" | "NormalZ" => "upward normal",
        "Curvature" => "l3 / (l1 + l2 + l3)",
        "Planarity" => "(l2 - l3) / l1",
        "Linearity" => "(l1 - l2) / l1",
        "Sphericity" => "l3 / l1",
        "Density" => "points per square unit",
        "HeightAboveGround" => "in units of the file",
        "Brightness" => "mean of RGB, 0 to 1",
        "Saturation" => "of RGB, 0 to 1",
        "ExcessGreen" => "(2G - R - B) / (R + G + B)",
        _ => "(NIR - R) / (NIR + R)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_each_type_are_counted() {
        for (kind, bytes) in [(1, 1), (4, 2), (9, 4), (10, 8), (19, 8), (30, 24)] {
            assert_eq!(described(&description("x", kind, 0, "")), bytes, "type {kind}");
        }
        assert_eq!(described(&[description("x", 0, 7, ""), description("y", 10, 0, "")].concat()), 15);
    }

    #[test]
    fn texts_fit() {
        for name in SCALARS {
            assert!(name.len() <= 32 && meaning(name).len() <= 32, "{name}");
        }
    }
}
