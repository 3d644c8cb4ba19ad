//! Sizes in a file by which a reader takes memory. Where they are wrong it would take all that there is, so
//! they are compared with the length of the file, and with each other, before points are read.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
};

use anyhow::{Context, Result, ensure};
use las::Header;
use laz::{LazItemType, LazVlr, laszip::ChunkTable};

/// The most bytes of a chunk of a compressed file, unless the points of the file have more.
const CHUNK: u64 = 64 << 20;

/// The most bytes of a chunk in any case: the reader has a whole one in memory.
const LARGEST_CHUNK: u64 = 1 << 30;

/// A number of a file, at a place.
fn number<const BYTES: usize>(mut file: &File, at: u64) -> Result<u64> {
    let mut bytes = [0; BYTES];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes).context("the file ends too early")?;
    let mut wide = [0; 8];
    wide[..BYTES].copy_from_slice(&bytes);
    Ok(u64::from_le_bytes(wide))
}

/// The place of the first point.
pub fn start(file: &File) -> Result<u64> {
    number::<4>(file, 96).context("the header cannot be read")
}

/// Whether the points fit into the file. Those of a compressed file have at least a thousandth of a byte.
fn room_for(file: &File, count: u64) -> Result<()> {
    let packed = number::<1>(file, 104)? & 0x80 != 0;
    let record = number::<2>(file, 105)?.max(1);
    let length = file.metadata()?.len();
    let room = length.saturating_sub(start(file)?);
    let room = if packed { room.saturating_mul(1_000) } else { room / record };
    ensure!(
        count <= room,
        "the header counts {count} points of {record} bytes, but the file has room for {room}"
    );
    Ok(())
}

/// The number of points, which the header of version 1.4 has twice, and the record after the points, whose
/// length has 8 bytes there.
pub fn of_header(file: &File) -> Result<()> {
    let number_of = |at| number::<4>(file, at).context("the header cannot be read");
    if number::<1>(file, 25).context("the header cannot be read")? < 4 {
        return room_for(file, number_of(107)?);
    }
    let (old, new) = (number_of(107)?, number::<8>(file, 247).context("the header cannot be read")?);
    ensure!(old == 0 || old == new, "the header counts {old} points in one place, and {new} in another");
    room_for(file, new)?;
    if number_of(243)? == 0 {
        return Ok(());
    }
    let (at, length) = (number::<8>(file, 235)?, file.metadata()?.len());
    let room = length.saturating_sub(at).saturating_sub(60);
    ensure!(room > 0, "the header says that a record begins at byte {at}, and the file has {length} bytes");
    let claimed = number::<8>(file, at.saturating_add(20))?;
    ensure!(
        claimed <= room,
        "the record at byte {at} claims {claimed} bytes, and the file has room for {room}"
    );
    Ok(())
}

/// The chunks of a compressed file.
pub fn chunks(file: &File, header: &Header) -> Result<()> {
    let vlr = header.laz_vlr().context("the file does not say how it is compressed")?;
    let record = u64::from(header.point_format().len());
    let layered = parts(&vlr, header)?;
    let (count, length, start) = (header.number_of_points(), file.metadata()?.len(), start(file)?);
    let table = number::<8>(file, start)?;
    // A writer that could not go back put the place of the table at the end.
    let table =
        if table > start && table < length { table } else { number::<8>(file, length.saturating_sub(8))? };
    ensure!(table > start && table < length, "the table of its chunks is missing: the file is incomplete");
    let chunks = number::<4>(file, table.saturating_add(4))?;
    ensure!(chunks <= length / record, "a file of {length} bytes cannot have {chunks} chunks");
    let size = u64::from(vlr.chunk_size());
    if !vlr.uses_variable_size_chunks() {
        ensure!(
            count <= chunks * size && count > chunks.saturating_sub(1) * size,
            "the header counts {count} points, but the file has {chunks} chunks of {size}"
        );
        ensure!(
            size.saturating_mul(record) <= CHUNK.max(count.saturating_mul(record)),
            "the file claims chunks of {size} points of {record} bytes, and the header counts {count} points"
        );
    }
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(start))?;
    let table = ChunkTable::read_from(&mut reader, &vlr).context("the table of chunks is damaged")?;
    let bytes: u64 = table.as_ref().iter().map(|chunk| chunk.byte_count).fold(0, u64::saturating_add);
    ensure!(
        bytes <= length - start,
        "the header counts {count} points in {bytes} bytes, but the file is shorter: it is damaged or ends too early"
    );
    let in_table = || table.as_ref().iter().map(|chunk| chunk.point_count);
    let varies = vlr.uses_variable_size_chunks();
    let most = if varies { in_table().max().unwrap_or_default() } else { count.min(size) };
    let fits = most.saturating_mul(record) <= LARGEST_CHUNK;
    ensure!(fits, "the file claims chunks of {most} points of {record} bytes, which no writer makes");
    let points = if varies { in_table().fold(0, u64::saturating_add) } else { count };
    ensure!(points == count, "the header counts {count} points, but the table of chunks {points}");
    let points = if layered { layers(file, start + 8, &table, &vlr)? } else { count };
    ensure!(points == count, "the header counts {count} points, but the chunks of the file have {points}");
    Ok(())
}

/// Compares the parts of a point with the header. Returns whether they are compressed in layers.
fn parts(vlr: &LazVlr, header: &Header) -> Result<bool> {
    let (record, packed) = (u64::from(header.point_format().len()), point_size(vlr));
    ensure!(packed == record, "the points have {record} bytes, and {packed} of them are compressed");
    let layered = vlr.items().iter().any(|item| is_layered(item.item_type()));
    ensure!(
        layered == header.point_format().is_extended,
        "the header and the compressed data disagree about the format of the points"
    );
    for item in vlr.items() {
        ensure!(item.size() == item_size(item.item_type()), "a part of the points has {} bytes", item.size());
    }
    Ok(layered)
}

/// Whether a part of a point is compressed in layers, as the point formats from 6 on are.
fn is_layered(item: LazItemType) -> bool {
    use LazItemType::{Byte14, Point14, RGB14, RGBNIR14, WavePacket14};
    matches!(item, Point14 | RGB14 | RGBNIR14 | WavePacket14 | Byte14(_))
}

/// The bytes of a point that are compressed.
fn point_size(vlr: &LazVlr) -> u64 {
    vlr.items().iter().map(|item| u64::from(item.size())).sum()
}

/// The bytes that a part of a point has.
fn item_size(item: LazItemType) -> u16 {
    match item {
        LazItemType::Byte(bytes) | LazItemType::Byte14(bytes) => bytes,
        LazItemType::Point10 => 20,
        LazItemType::GpsTime | LazItemType::RGBNIR14 => 8,
        LazItemType::RGB12 | LazItemType::RGB14 => 6,
        LazItemType::WavePacket13 | LazItemType::WavePacket14 => 29,
        LazItemType::Point14 => 30,
    }
}

/// The layers of each chunk, as the point formats from 6 on have them. Returns the number of points.
fn layers(file: &File, start: u64, table: &ChunkTable, vlr: &LazVlr) -> Result<u64> {
    let layers = vlr.items().iter().map(|item| match item.item_type() {
        LazItemType::Point14 => 9,
        LazItemType::RGBNIR14 => 2,
        LazItemType::Byte14(bytes) => u64::from(bytes),
        _ => 1,
    });
    let (layers, mut at, mut points): (u64, _, u64) = (layers.sum(), start, 0);
    for (index, chunk) in table.as_ref().iter().enumerate() {
        // The first point, the number of points, and then the length of each layer.
        let head = at + point_size(vlr);
        points = points.saturating_add(number::<4>(file, head)?);
        let mut bytes = vec![0; usize::try_from(4 * layers)?];
        let mut file = file;
        file.read_exact(&mut bytes).context("the file ends within a chunk")?;
        let lengths = bytes
            .chunks_exact(4)
            .map(|length| u64::from(u32::from_le_bytes([length[0], length[1], length[2], length[3]])));
        let length = vlr.items_size() + 4 + 4 * layers + lengths.sum::<u64>();
        ensure!(
            length <= chunk.byte_count,
            "chunk {index} claims {length} bytes, but the table of chunks gives it {}",
            chunk.byte_count
        );
        at += chunk.byte_count;
    }
    Ok(points)
}
