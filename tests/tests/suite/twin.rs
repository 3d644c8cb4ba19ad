//! A buffer with a twin, a plain `Vec` that has the same operations done to it, for tests of random ones.

use gpumem::{Async, Buffer, Download, Error};
use gpumem_tests::{Kernel, Random, TestBackend};

/// A buffer, what it should hold, and the downloads that are under way with what they should bring.
pub(crate) struct Twin<B: TestBackend> {
    pub(crate) buffer: Buffer<u32, B, Async>,
    pub(crate) model: Vec<u32>,
    pub(crate) tickets: Vec<(Download<u32, B>, Vec<u32>)>,
}

/// What operations on twins are given.
pub(crate) struct Means<B: TestBackend> {
    /// Queues a kernel that adds 1 to every element.
    pub(crate) add_one: Kernel<B, Async>,
    /// A number of elements.
    pub(crate) length: fn(&mut Random) -> usize,
}

impl<B: TestBackend> Means<B> {
    fn data(&self, random: &mut Random) -> Vec<u32> {
        let len = (self.length)(random);
        random.vec(len)
    }
}

impl<B: TestBackend> Twin<B> {
    pub(crate) fn new(buffer: Buffer<u32, B, Async>, model: Vec<u32>) -> Self {
        Self { buffer, model, tickets: Vec::new() }
    }

    /// A random operation, with `other` as the source of copies. The model changes when the buffer did: after an error the buffer's
    /// length and capacity are what they were, and so are its contents, which are compared in `thorough` runs.
    pub(crate) fn operate(
        &mut self,
        other: Option<&Self>,
        means: &Means<B>,
        random: &mut Random,
        thorough: bool,
    ) -> Result<(), Error> {
        let before = (self.buffer.len(), self.buffer.capacity());
        let result = self.change(other, means, random);
        let Self { buffer, model, .. } = self;
        if let Err(error) = &result {
            assert_eq!((buffer.len(), buffer.capacity()), before, "{error}");
            assert!(!thorough || buffer.download().unwrap() == *model, "changed by {error}");
        }
        assert_eq!(buffer.len(), model.len());
        result
    }

    fn change(&mut self, other: Option<&Self>, means: &Means<B>, random: &mut Random) -> Result<(), Error> {
        let Self { buffer, model, tickets } = self;
        let len = buffer.len();
        match random.below(19) {
            0 => {
                let data = means.data(random);
                buffer.upload(&data)?;
                *model = data;
            }
            1 | 2 => {
                let offset = random.below(len + 1);
                // Seldom beyond the end.
                let beyond = usize::from(random.below(16) == 0);
                let count = random.below((len - offset).min(1_000) + 1) + beyond * len.min(1_000);
                let data = random.vec(count);
                buffer.write(offset, &data)?;
                model[offset..offset + data.len()].copy_from_slice(&data);
            }
            3 | 4 => {
                let data = means.data(random);
                buffer.extend_from_slice(&data)?;
                model.extend(data);
            }
            5 => {
                let value = random.vec(1)[0];
                buffer.fill(value)?;
                model.fill(value);
            }
            6 | 7 => {
                let len = (means.length)(random);
                buffer.resize(len)?;
                model.resize(len, 0);
            }
            8 => {
                let len = random.below(len + 1);
                buffer.truncate(len);
                model.truncate(len);
            }
            9 => buffer.shrink_to_fit()?,
            10 => buffer.reserve((means.length)(random))?,
            11 => {
                if let Some(other) = other {
                    buffer.copy_from(&other.buffer)?;
                    model.clone_from(&other.model);
                }
            }
            12 => {
                if let Some(other) = other {
                    let count = random.below(len.min(other.buffer.len()) + 1);
                    let (to, from) =
                        (random.below(len - count + 1), random.below(other.buffer.len() - count + 1));
                    buffer.view_mut(to..to + count)?.copy_from(&other.buffer.view(from..from + count)?)?;
                    model[to..to + count].copy_from_slice(&other.model[from..from + count]);
                }
            }
            13 => {
                (means.add_one)(buffer);
                model.iter_mut().for_each(|element| *element = element.wrapping_add(1));
            }
            14 => {
                let mut stage = buffer.stage((means.length)(random))?;
                let data = random.vec(stage.len());
                stage.copy_from_slice(&data);
                stage.commit()?;
                *model = data;
            }
            15 => {
                let from = random.below(len + 1);
                let to = from + random.below((len - from).min(10_000) + 1);
                let part = buffer.view(from..to)?.download()?;
                assert!(part == model[from..to], "elements {from}..{to}");
            }
            16 => assert!(buffer.download()? == *model, "contents"),
            17 => {
                let from = random.below(len + 1);
                tickets.push((buffer.start_download_range(from..)?, model[from..].to_vec()));
            }
            _ => self.redeem(random),
        }
        Ok(())
    }

    /// Waits for the downloads, but for some that are dropped.
    fn redeem(&mut self, random: &mut Random) {
        for (ticket, expected) in self.tickets.drain(..) {
            if random.below(3) > 0 {
                assert!(*ticket.wait().unwrap() == expected, "a download of {} elements", expected.len());
            }
        }
    }

    /// Drops the buffer, and then waits for its downloads.
    pub(crate) fn drop_buffer(self) {
        drop(self.buffer);
        for (ticket, expected) in self.tickets {
            assert!(*ticket.wait().unwrap() == expected, "a download of a dropped buffer");
        }
    }

    /// Compares all there is with what it should be.
    pub(crate) fn check(&self) {
        assert!(self.buffer.download().unwrap() == self.model, "contents");
    }
}
