//! Random operations on three buffers, each compared with a plain `Vec`.

use crate::{Open, open};
use gpumem::{Async, Buffer, BufferSpec, Device, Download, Error};
use gpumem_tests::{Random, TestBackend};

const BUFFERS: usize = 3;
const MAX: usize = 6_000;

/// A buffer, what it should hold, and the downloads that are under way with what they should bring.
struct Pair<B: TestBackend> {
    buffer: Buffer<u32, B, Async>,
    model: Vec<u32>,
    tickets: Vec<(Download<u32, B>, Vec<u32>)>,
}

pub(crate) fn random_operations_agree_with_vecs<B: TestBackend>(open: Open<'_, B>) {
    for seed in 1..=4 {
        let device = open!(open, Device::builder().memory_limit(100_000));
        let mut random = Random::new(seed);
        let mut pairs: Vec<Pair<B>> = (0..BUFFERS).map(|_| pair(&device)).collect();
        for step in 0..1_500 {
            let index = random.below(BUFFERS);
            let before = (pairs[index].buffer.len(), pairs[index].buffer.capacity());
            if let Err(error) = operate(&mut pairs, index, &mut random) {
                let refused = matches!(
                    error,
                    Error::BufferLimit { .. }
                        | Error::DeviceLimit { .. }
                        | Error::OutOfBounds { .. }
                        | Error::SlotsBusy { .. }
                );
                assert!(refused, "seed {seed}, step {step}: {error}");
                let after = (pairs[index].buffer.len(), pairs[index].buffer.capacity());
                assert_eq!(after, before, "seed {seed}, step {step}: {error}");
            }
            let Pair { buffer, model, .. } = &pairs[index];
            assert_eq!(buffer.len(), model.len(), "seed {seed}, step {step}");
            if step % 7 == 0 {
                assert!(buffer.download().unwrap() == *model, "seed {seed}, step {step}");
            }
        }
        for Pair { buffer, model, tickets } in pairs {
            for (ticket, expected) in tickets {
                assert!(*ticket.wait().unwrap() == expected, "seed {seed}");
            }
            assert!(buffer.download().unwrap() == model, "seed {seed}");
            buffer.close().unwrap();
        }
        let stats = device.stats();
        assert_eq!((stats.live_bytes, stats.retired_bytes, stats.lost_bytes), (0, 0, 0), "seed {seed}");
        device.close().unwrap();
    }
}

fn pair<B: TestBackend>(device: &Device<B>) -> Pair<B> {
    let spec = BufferSpec::new("buffer").growth(1.4).max(4 * MAX as u64);
    Pair { buffer: Buffer::new(device, spec).unwrap(), model: Vec::new(), tickets: Vec::new() }
}

/// One operation on one of the pairs; the model changes when the buffer did.
fn operate<B: TestBackend>(pairs: &mut [Pair<B>], index: usize, random: &mut Random) -> Result<(), Error> {
    let other = (index + 1) % pairs.len();
    let [pair, other] = pairs.get_disjoint_mut([index, other]).expect("they are two");
    let Pair { buffer, model, tickets } = pair;
    let len = buffer.len();
    match random.below(16) {
        0 => {
            let data = random_data(random);
            buffer.upload(&data)?;
            *model = data;
        }
        1 | 2 => {
            let (offset, count) = (random.below(len + 2), random_len(random) / 4);
            let data = random.vec(count);
            buffer.write(offset, &data)?;
            model[offset..offset + data.len()].copy_from_slice(&data);
        }
        3 | 4 => {
            let data = random_data(random);
            buffer.extend_from_slice(&data)?;
            model.extend(data);
        }
        5 => {
            let value = random.vec(1)[0];
            buffer.fill(value)?;
            model.fill(value);
        }
        6 | 7 => {
            let len = random.below(MAX + MAX / 10);
            buffer.resize(len)?;
            model.resize(len, 0);
        }
        8 => {
            let len = random.below(MAX);
            buffer.truncate(len);
            model.truncate(len);
        }
        9 => buffer.shrink_to_fit()?,
        10 => buffer.reserve(random.below(MAX))?,
        11 => {
            buffer.copy_from(&other.buffer)?;
            model.clone_from(&other.model);
        }
        12 => {
            let count = random.below(len.min(other.buffer.len()) + 1);
            let (to, from) = (random.below(len - count + 1), random.below(other.buffer.len() - count + 1));
            buffer.view_mut(to..to + count)?.copy_from(&other.buffer.view(from..from + count)?)?;
            model[to..to + count].copy_from_slice(&other.model[from..from + count]);
        }
        13 => {
            B::add_one(buffer);
            model.iter_mut().for_each(|element| *element = element.wrapping_add(1));
        }
        14 => {
            let from = random.below(len + 1);
            tickets.push((buffer.start_download_range(from..)?, model[from..].to_vec()));
        }
        _ => {
            for (ticket, expected) in tickets.drain(..) {
                assert!(*ticket.wait()? == expected, "a download of {} elements", expected.len());
            }
        }
    }
    Ok(())
}

/// Mostly short, sometimes long.
fn random_len(random: &mut Random) -> usize {
    let most = [10, 100, MAX / 2][random.below(3)];
    random.below(most)
}

fn random_data(random: &mut Random) -> Vec<u32> {
    let len = random_len(random);
    random.vec(len)
}
