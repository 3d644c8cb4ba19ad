//! The files are read back.

use las::Reader;

use super::*;
use crate::{
    cloud::Features,
    pipeline::{self, Work, tests::append},
    tile::tests::{SIZES, landscape, plan_of},
};
use gpumem::Device;

/// The names of the dimensions in a header.
fn names(header: &Header) -> Vec<String> {
    let vlr = header.vlrs().iter().find(|vlr| (&*vlr.user_id, vlr.record_id) == ("LASF_Spec", 4)).unwrap();
    let text =
        |entry: &[u8]| String::from_utf8(entry[4..36].to_vec()).unwrap().trim_end_matches('\0').to_owned();
    vlr.data.chunks_exact(192).map(text).collect()
}

#[test]
fn features_are_read_back() {
    let (folder, path) = landscape(3_000);
    let mut plan = plan_of(&path, SIZES);
    let work = Work::of(&plan);
    let paths = Paths::of(&path, folder.path());
    let mut output = Output::new(&paths.points, &plan.tile.header).unwrap();
    let mut picture = picture::Picture::new(&plan, 300, 40.0);
    let (mut expected, mut records) = (Features::default(), Vec::new());
    let count = plan.tile.len();
    pipeline::run([Device::host(), Device::host()], &work, plan.chunks(), |chunk, features| {
        append(&mut expected, features);
        records.extend_from_slice(chunk.records.raw_bytes());
        picture.add(chunk, features);
        output.add(chunk, features)
    })
    .unwrap();
    assert!(!paths.points.exists(), "it has its name once it is complete");
    output.finish(&paths.points).unwrap();

    let mut reader = Reader::from_path(&paths.points).unwrap();
    let header = reader.header().clone();
    assert_eq!(header.number_of_points(), count);
    assert_eq!(names(&header)[..4], ["NormalX", "NormalY", "NormalZ", "Curvature"]);
    assert_eq!(names(&header)[4..], crate::cloud::SCALARS[1..]);
    let points = reader.read_all().unwrap();
    let old = records.len() / points.len();
    let columns = expected.columns();
    for (index, record) in points.raw_bytes().chunks_exact(points.record_len()).enumerate() {
        let (record, extra) = record.split_at(old);
        assert_eq!(record, &records[old * index..][..old]);
        let extra: Vec<u32> =
            extra.chunks_exact(4).map(|value| u32::from_le_bytes(value.try_into().unwrap())).collect();
        let all = columns.normals[index].into_iter().chain(columns.scalars.map(|column| column[index]));
        assert_eq!(extra, all.map(f32::to_bits).collect::<Vec<_>>());
    }
    let error = Output::new(&paths.points, &header).err().unwrap();
    assert!(error.to_string().contains("have a dimension `NormalX` already"), "{error}");

    let mut bytes = Vec::new();
    shade::write(picture, &mut bytes).unwrap();
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.next_frame(&mut pixels).unwrap();
    assert_eq!(decoder.info().width, 300);
    let greens = pixels.chunks_exact(3).filter(|pixel| pixel[1] > pixel[2].saturating_add(20)).count();
    assert!(greens > pixels.len() / 3 / 10, "{greens} pixels show something");
}

/// A file that has extra bytes already, described or not, keeps them.
#[test]
fn extra_bytes_stay() {
    let (_folder, path) = landscape(1_000);
    let plan = plan_of(&path, SIZES);
    let mut builder = las::Builder::from(plan.tile.header.clone());
    builder.point_format.extra_bytes = 300;
    let (header, dimensions) = header_with(&builder.into_header().unwrap()).unwrap();
    assert_eq!(header.point_format().extra_bytes, 300 + 4 * u16::try_from(dimensions.names.len()).unwrap());
    assert_eq!(names(&header)[..3], ["undocumented", "undocumented", "NormalX"]);
}
