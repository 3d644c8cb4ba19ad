//! Random operations on three buffers, each compared with a plain `Vec`.

use crate::twin::{Means, Twin};
use crate::{Open, Told, open};
use gpumem::{Buffer, BufferSpec, Device, Error};
use gpumem_tests::{Random, TestBackend};

const BUFFERS: usize = 3;
const MAX: usize = 6_000;

pub(crate) fn random_operations_agree_with_vecs<B: TestBackend>(open: Open<'_, B>) {
    for seed in 1..=4 {
        let device = open!(open, Device::builder().memory_limit(100_000));
        let means = Means { add_one: B::adder(&device), length };
        let mut random = Random::new(seed);
        let mut twins: Vec<Twin<B>> = (0..BUFFERS).map(|_| twin(&device)).collect();
        for step in 0..1_500 {
            let index = random.below(BUFFERS);
            let others = [index, (index + 1) % BUFFERS];
            let [twin, other] = twins.get_disjoint_mut(others).expect("they are two");
            let _told = Told(format!("seed {seed}, step {step}"));
            if let Err(error) = twin.operate(Some(other), &means, &mut random, false) {
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
                twin.check();
            }
        }
        for twin in twins {
            twin.check();
            twin.drop_buffer();
        }
        device.synchronize().unwrap();
        let stats = device.stats();
        assert_eq!((stats.live_bytes, stats.retired_bytes, stats.lost_bytes), (0, 0, 0), "seed {seed}");
        device.close().unwrap();
    }
}

fn twin<B: TestBackend>(device: &Device<B>) -> Twin<B> {
    let spec = BufferSpec::new("buffer").growth(1.4).max(4 * MAX as u64);
    Twin::new(Buffer::new(device, spec).unwrap(), Vec::new())
}

/// Mostly short, sometimes long, and seldom beyond the limit.
fn length(random: &mut Random) -> usize {
    let most = [10, 100, MAX / 2, MAX + MAX / 10][random.below(4)];
    random.below(most)
}
