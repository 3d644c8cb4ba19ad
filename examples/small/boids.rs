//! A flock of birds: two buffers that take turns, and a frame that is read while the next is computed.
//!
//! `cargo run --release --example boids`

use gpumem::{Device, GpuBuffers, Result};

#[derive(GpuBuffers)]
#[buffers(async)]
struct Flock {
    /// The position of each bird, x and y, and its movement per step along both.
    now: Vec<[f32; 4]>,
    /// The birds after the step. A kernel writes this buffer while it reads `now`.
    next: Vec<[f32; 4]>,
}

/// Reynolds' three rules: a bird flies as its neighbours do, towards them, and away from those too near.
fn step([x, y, ..]: [f32; 4], flock: &[[f32; 4]]) -> [f32; 4] {
    let mut way = [0.0, 0.0];
    for other in flock {
        let apart = [other[0] - x, other[1] - y];
        if apart[0].hypot(apart[1]) < 5.0 {
            let pull = if apart[0].hypot(apart[1]) < 0.5 { -1.0 } else { 0.02 };
            way = [way[0] + other[2] + pull * apart[0], way[1] + other[3] + pull * apart[1]];
        }
    }
    let [vx, vy] = way.map(|along| 0.5 * along / way[0].hypot(way[1]).max(1e-6));
    [(x + vx).rem_euclid(60.0), (y + vy).rem_euclid(60.0), vx, vy]
}

/// The order of the flock after each step, from 0 to 1, at which all birds fly in the same direction.
fn fly(birds: u16, steps: usize) -> Result<Vec<f32>> {
    let bird = |i: f32| [(i * 37.1) % 60.0, (i * 23.7) % 60.0, (i * 2.4).cos(), (i * 2.4).sin()];
    let now: Vec<_> = (0..birds).map(|i| bird(i.into())).collect();
    let device = Device::host();
    let mut gpu = Flock { next: now.clone(), now }.upload(&device)?;
    let sum = |flock: &[[f32; 4]], axis: usize| flock.iter().map(|bird| bird[axis]).sum::<f32>();
    let order = |flock: &[[f32; 4]]| 2.0 * sum(flock, 2).hypot(sum(flock, 3)) / f32::from(birds);

    let (mut orders, mut frames) = (Vec::new(), gpu.now().frame_queue());
    for _ in 0..steps {
        let FlockBuffersMut { now, next } = gpu.split_mut();
        device.launch((&*now, &mut *next), |(now, next)| {
            next.iter_mut().zip(now).for_each(|(next, bird)| *next = step(*bird, now));
        })?;
        now.swap_contents(next)?; // copies nothing; the names stay
        orders.extend(frames.push(gpu.now().start_download()?)?.map(|frame| order(&frame)));
    }
    frames.drain().try_for_each(|frame| frame.map(|frame| orders.push(order(&frame))))?;
    gpu.close().map(|()| orders)
}

fn main() -> Result<()> {
    let print = |(step, order): (usize, f32)| println!("step {step:3}: order {order:.2}");
    fly(1_000, 300).map(|orders| orders.into_iter().enumerate().step_by(50).for_each(print))
}

#[test]
fn the_birds_come_to_agree() {
    let order = fly(300, 60).unwrap();
    assert!(order.len() == 60 && order[0] < 0.2 && order[59] > 2.0 * order[0], "{order:?}");
}
