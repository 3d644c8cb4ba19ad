/// Kernels for the host.
#[gpumem::kernels]
pub mod steps {
    use super::Step;

    /// Moves every node by its velocity.
    pub fn advance(positions: &mut [[f32; 2]], velocities: &[[f32; 2]], step: Step) {
        for (p, v) in positions.iter_mut().zip(velocities) {
            p[0] += v[0] * step.dt;
            p[1] += v[1] * step.dt;
        }
    }

    /// A rectangle.
    #[repr(C)]
    #[derive(Clone, Copy, bytemuck::NoUninit)]
    pub(crate) struct Area {
        /// The lower left corner.
        low: [f32; 2],
        high: [f32; SIDES],
    }

    const SIDES: usize = 2;

    /// Clears the colors.
    pub(crate) fn clear(mut colors: &mut [super::Color], area: Area) {
        colors.fill(background(area));
    }

    fn background(_: Area) -> super::Color {
        super::Color::default()
    }
}
