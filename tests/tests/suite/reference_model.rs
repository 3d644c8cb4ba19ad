//! The reference model, for tests with random operations: a plain `Vec` has the same operations done to it as
//! a buffer.

use gpumem::{Async, Buffer, Download, Error};
use gpumem_tests::{Kernel, Random, TestBackend};

/// A buffer, the `Vec` that it should equal, and the downloads that are under way, each with its expected
/// elements.
pub(crate) struct Modelled<B: TestBackend> {
    pub(crate) buffer: Buffer<u32, B, Async>,
    pub(crate) model: Vec<u32>,
    tickets: Vec<(Download<u32, B>, Vec<u32>)>,
}

/// The functions that random operations need.
pub(crate) struct Ingredients<B: TestBackend> {
    /// Queues a kernel that adds 1 to every element.
    pub(crate) add_one: Kernel<B, Async>,
    /// Gives a number of elements.
    pub(crate) length: fn(&mut Random) -> usize,
}

impl<B: TestBackend> Ingredients<B> {
    fn data(&self, random: &mut Random) -> Vec<u32> {
        let len = (self.length)(random);
        random.vec(len)
    }
}

impl<B: TestBackend> Modelled<B> {
    pub(crate) fn new(buffer: Buffer<u32, B, Async>, model: Vec<u32>) -> Self {
        Self { buffer, model, tickets: Vec::new() }
    }

    /// Does a random operation, with `other` as the source of copies. The model changes only if the buffer
    /// did. After an error the buffer has its old length, capacity and contents. Only `thorough` runs compare
    /// the contents.
    pub(crate) fn operate(
        &mut self,
        other: Option<&Self>,
        ingredients: &Ingredients<B>,
        random: &mut Random,
        thorough: bool,
    ) -> Result<(), Error> {
        let before = (self.buffer.len(), self.buffer.capacity());
        let result = self.change(other, ingredients, random);
        let Self { buffer, model, .. } = self;
        if let Err(error) = &result {
            assert_eq!((buffer.len(), buffer.capacity()), before, "{error}");
            assert!(!thorough || buffer.download().unwrap() == *model, "changed by {error}");
        }
        assert_eq!(buffer.len(), model.len());
        result
    }

    fn change(
        &mut self,
        other: Option<&Self>,
        ingredients: &Ingredients<B>,
        random: &mut Random,
    ) -> Result<(), Error> {
        let Self { buffer, model, .. } = self;
        match random.below(19) {
            0 => {
                let data = ingredients.data(random);
                buffer.upload(&data)?;
                *model = data;
            }
            1 | 2 => self.write(random)?,
            3 | 4 => {
                let data = ingredients.data(random);
                buffer.extend_from_slice(&data)?;
                model.extend(data);
            }
            5 => {
                let value = random.vec(1)[0];
                buffer.fill(value)?;
                model.fill(value);
            }
            6..=10 => self.change_length(ingredients, random)?,
            11 => other.map_or(Ok(()), |other| self.copy(other))?,
            12 => other.map_or(Ok(()), |other| self.copy_part(other, random))?,
            13 => {
                (ingredients.add_one)(buffer);
                model.iter_mut().for_each(|element| *element = element.wrapping_add(1));
            }
            14 => self.stage(ingredients, random)?,
            15 => self.download_part(random)?,
            16 => assert!(buffer.download()? == *model, "contents"),
            17 => {
                let from = random.below(buffer.len() + 1);
                self.tickets.push((buffer.view(from..).unwrap().start_download()?, model[from..].to_vec()));
            }
            _ => self.redeem(random),
        }
        Ok(())
    }

    fn change_length(&mut self, ingredients: &Ingredients<B>, random: &mut Random) -> Result<(), Error> {
        let Self { buffer, model, .. } = self;
        match random.below(5) {
            0 | 1 => {
                let len = (ingredients.length)(random);
                buffer.resize(len)?;
                model.resize(len, 0);
            }
            2 => {
                let len = random.below(buffer.len() + 1);
                buffer.truncate(len);
                model.truncate(len);
            }
            3 => buffer.shrink_to_fit()?,
            _ => buffer.reserve((ingredients.length)(random))?,
        }
        Ok(())
    }

    /// Writes a part, which rarely ends beyond the end of the buffer.
    fn write(&mut self, random: &mut Random) -> Result<(), Error> {
        let len = self.buffer.len();
        let offset = random.below(len + 1);
        let beyond = usize::from(random.below(16) == 0);
        let count = random.below((len - offset).min(1_000) + 1) + beyond * len.min(1_000);
        let data = random.vec(count);
        self.buffer.write(offset, &data)?;
        self.model[offset..offset + data.len()].copy_from_slice(&data);
        Ok(())
    }

    fn copy(&mut self, other: &Self) -> Result<(), Error> {
        self.buffer.copy_from(&other.buffer)?;
        self.model.clone_from(&other.model);
        Ok(())
    }

    fn copy_part(&mut self, other: &Self, random: &mut Random) -> Result<(), Error> {
        let (len, there) = (self.buffer.len(), other.buffer.len());
        let count = random.below(len.min(there) + 1);
        let (to, from) = (random.below(len - count + 1), random.below(there - count + 1));
        self.buffer.view_mut(to..to + count)?.copy_from(&other.buffer.view(from..from + count)?)?;
        self.model[to..to + count].copy_from_slice(&other.model[from..from + count]);
        Ok(())
    }

    fn stage(&mut self, ingredients: &Ingredients<B>, random: &mut Random) -> Result<(), Error> {
        let mut stage = self.buffer.stage((ingredients.length)(random))?;
        let data = random.vec(stage.len());
        stage.copy_from_slice(&data);
        stage.commit()?;
        self.model = data;
        Ok(())
    }

    fn download_part(&self, random: &mut Random) -> Result<(), Error> {
        let len = self.buffer.len();
        let from = random.below(len + 1);
        let to = from + random.below((len - from).min(10_000) + 1);
        let part = self.buffer.view(from..to)?.download()?;
        assert!(part == self.model[from..to], "elements {from}..{to}");
        Ok(())
    }

    /// Waits for the downloads, except for some that are dropped.
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

    /// Compares the whole buffer with the model.
    pub(crate) fn check(&self) {
        assert!(self.buffer.download().unwrap() == self.model, "contents");
    }
}
