//! A flock of birds, on any device: two buffers take turns, and a frame is read while the next is computed.
//! `cargo run --release --example boids`, and on a card `-p gpumem-examples-small --features cuda` too.

use gpumem::{Device, GpuBuffers, KernelBackend, Launch, Result, on_device};

#[derive(GpuBuffers)]
#[buffers(async)]
struct Flock {
    now: Vec<[f32; 4]>,  // x and y of each bird, and its movement per step along both
    next: Vec<[f32; 4]>, // the birds after the step
}

#[gpumem::kernels(
    // SAFETY: the kernels of `kernels.cu` stay below the lengths that they are given.
    unsafe(ptx = "kernels.ptx"), slices = "pointer, length"
)]
mod rules {
    /// Reynolds' three rules: a bird flies as its neighbours do, towards them, and away from those too near.
    pub(super) fn fly(now: &[[f32; 4]], next: &mut [[f32; 4]]) {
        for (next, &[x, y, ..]) in next.iter_mut().zip(now) {
            let mut way = [0.0_f32; 2];
            for other in now.iter().filter(|other| (other[0] - x).hypot(other[1] - y) < 5.0) {
                let apart = [other[0] - x, other[1] - y];
                let pull = if apart[0].hypot(apart[1]) < 0.5 { -1.0 } else { 0.02 };
                way = [way[0] + other[2] + pull * apart[0], way[1] + other[3] + pull * apart[1]];
            }
            let [vx, vy] = way.map(|along| 0.5 * along / way[0].hypot(way[1]).max(1e-6));
            *next = [(x + vx).rem_euclid(60.0), (y + vy).rem_euclid(60.0), vx, vy];
        }
    }
}

/// The order of the flock after each step, from 0 to 1, at which all birds fly in the same direction.
fn fly<B: KernelBackend>(device: &Device<B>, birds: u16, steps: usize) -> Result<Vec<f32>> {
    let bird = |i: f32| [(i * 37.1) % 60.0, (i * 23.7) % 60.0, (i * 2.4).cos(), (i * 2.4).sin()];
    let now = || (0..birds).map(|i| bird(i.into())).collect();
    let sum = |flock: &[[f32; 4]], axis: usize| flock.iter().map(|bird| bird[axis]).sum::<f32>();
    let order = |flock: &[[f32; 4]]| 2.0 * sum(flock, 2).hypot(sum(flock, 3)) / f32::from(birds);
    let (rules, mut gpu) = (rules::Kernels::load(device)?, Flock { now: now(), next: now() }.upload(device)?);
    let (mut orders, mut frames) = (Vec::new(), gpu.now().frame_queue());
    for _ in 0..steps {
        let FlockBuffersMut { now, next } = gpu.split_mut();
        rules.fly(Launch::over(birds.into()), &*now, &mut *next)?;
        now.swap_contents(next)?; // copies nothing; the names stay
        orders.extend(frames.push(gpu.now().start_download()?)?.map(|frame| order(&frame)));
    }
    frames.drain().try_for_each(|frame| frame.map(|frame| orders.push(order(&frame))))?;
    gpu.close().map(|()| orders)
}

fn main() -> Result<()> {
    let print = |orders: Vec<f32>| orders.iter().step_by(50).for_each(|order| println!("order {order:.2}"));
    on_device!(Device::auto()?, |device| fly(&device, 1_000, 300)).map(print)
}

#[test]
fn the_birds_come_to_agree() {
    let order = fly(&Device::host(), 300, 60).unwrap();
    assert!(order.len() == 60 && order[0] < 0.2 && order[59] > 2.0 * order[0], "{order:?}");
}
