//! Random operations on three buffers, each compared with a plain `Vec`.

use crate::reference_model::{Ingredients, Modelled};
use crate::{Open, Told, on_each_backend, open};
use gpumem::{Buffer, BufferSpec, Device, Error};
use gpumem_tests::{Random, TestBackend};

const BUFFERS: usize = 3;
const MAX: usize = 6_000;

on_each_backend!(random_operations_agree_with_vecs);
fn random_operations_agree_with_vecs<B: TestBackend>(open: Open<'_, B>) {
    for seed in 1..=4 {
        let device = open!(open, Device::builder().memory_limit(100_000));
        let ingredients = Ingredients { add_one: B::adder(&device), length };
        let mut random = Random::new(seed);
        let mut buffers: Vec<Modelled<B>> = (0..BUFFERS).map(|_| empty(&device)).collect();
        for step in 0..1_500 {
            let index = random.below(BUFFERS);
            let others = [index, (index + 1) % BUFFERS];
            let [modelled, other] = buffers.get_disjoint_mut(others).expect("they are two");
            let _told = Told(format!("seed {seed}, step {step}"));
            if let Err(error) = modelled.operate(Some(other), &ingredients, &mut random, false) {
                let refused = matches!(
                    error,
                    Error::BufferLimit { .. }
                        | Error::DeviceLimit { .. }
                        | Error::OutOfBounds { .. }
                        | Error::SlotsBusy { .. }
                );
                assert!(refused, "{error}");
            }
            if step % 7 == 0 {
                modelled.check();
            }
        }
        for modelled in buffers {
            modelled.check();
            modelled.drop_buffer();
        }
        device.synchronize().unwrap();
        let stats = device.stats();
        assert_eq!((stats.live_bytes, stats.retired_bytes, stats.lost_bytes), (0, 0, 0), "seed {seed}");
        device.close().unwrap();
    }
}

fn empty<B: TestBackend>(device: &Device<B>) -> Modelled<B> {
    let spec = BufferSpec::new("buffer").growth(1.4).max(4 * MAX as u64);
    Modelled::new(Buffer::new(device, spec).unwrap().into_async(), Vec::new())
}

/// Mostly short, sometimes long, and rarely beyond the limit.
fn length(random: &mut Random) -> usize {
    let most = [10, 100, MAX / 2, MAX + MAX / 10][random.below(4)];
    random.below(most)
}
