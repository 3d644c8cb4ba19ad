//! The buffers of a chunk: two structs of `Vec`s, for which `GpuBuffers` generates managers.

use gpumem::GpuBuffers;

/// The points of a chunk, and those around it that belong to neighbourhoods of its points.
///
/// The derive adds `CloudBuffers`, which holds a buffer on the device for each field.
#[derive(Clone, Debug, Default, GpuBuffers)]
pub struct Cloud {
    /// Positions, as integers of the file, counted from the lowest corner of the tile. They are in the order
    /// of their rows, and within a row in that of x.
    #[buffer]
    pub positions: Vec<[u32; 3]>,
    /// The index of the first position of each row, and after the last row the number of positions.
    #[buffer]
    pub row_starts: Vec<u32>,
    /// Red, green, blue and near infrared of the chunk's own points, or nothing if the file has no colours.
    #[buffer]
    pub colours: Vec<[u16; 4]>,
}

/// The features of the chunk's own points, one buffer per feature.
///
/// A neighbourhood is a ball around the point. With the eigenvalues `l1 >= l2 >= l3` of the covariance of the
/// points in it, which number at least three:
#[derive(Clone, Debug, Default, PartialEq, GpuBuffers)]
pub struct Features {
    /// The direction in which the neighbourhood is thinnest, of length 1, upwards.
    #[buffer(async)]
    pub normals: Vec<[f32; 3]>,
    /// `l3 / (l1 + l2 + l3)`, which is also called surface variation.
    #[buffer(async)]
    pub curvature: Vec<f32>,
    /// `(l2 - l3) / l1`.
    #[buffer(async)]
    pub planarity: Vec<f32>,
    /// `(l1 - l2) / l1`.
    #[buffer(async)]
    pub linearity: Vec<f32>,
    /// `l3 / l1`.
    #[buffer(async)]
    pub sphericity: Vec<f32>,
    /// Points per square unit of the map, in the circle around the point, whatever their heights.
    #[buffer(async)]
    pub density: Vec<f32>,
    /// The height above the ground, in units of the file.
    #[buffer(async)]
    pub height: Vec<f32>,
    /// The mean of red, green and blue, from 0 to 1.
    #[buffer(async)]
    pub brightness: Vec<f32>,
    /// The difference of the largest and the smallest of them, as a share of the largest.
    #[buffer(async)]
    pub saturation: Vec<f32>,
    /// Excess green, `(2 green - red - blue) / (red + green + blue)`.
    #[buffer(async)]
    pub greenness: Vec<f32>,
    /// `(infrared - red) / (infrared + red)`, or nothing if the file has no infrared.
    #[buffer(async)]
    pub ndvi: Vec<f32>,
}

impl Features {
    pub fn columns(&self) -> Columns<'_> {
        Columns {
            normals: &self.normals,
            scalars: [
                &self.curvature,
                &self.planarity,
                &self.linearity,
                &self.sphericity,
                &self.density,
                &self.height,
                &self.brightness,
                &self.saturation,
                &self.greenness,
                &self.ndvi,
            ],
        }
    }
}

/// The names of [`Columns::scalars`] in a file. `HeightAboveGround` is as PDAL has it.
pub const SCALARS: [&str; 10] = [
    "Curvature",
    "Planarity",
    "Linearity",
    "Sphericity",
    "Density",
    "HeightAboveGround",
    "Brightness",
    "Saturation",
    "ExcessGreen",
    "NDVI",
];

/// The features of a chunk as slices: of a frame in pinned memory, or of vectors. A column that the file has
/// no data for is empty.
#[derive(Clone, Copy)]
pub struct Columns<'a> {
    pub normals: &'a [[f32; 3]],
    pub scalars: [&'a [f32]; 10],
}

impl Columns<'_> {
    pub fn planarity(&self) -> &[f32] {
        self.scalars[1]
    }

    pub fn height(&self) -> &[f32] {
        self.scalars[5]
    }
}

/// The columns that a file has besides positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colours {
    pub rgb: bool,
    pub infrared: bool,
}

impl Colours {
    /// The lengths of the buffers for the features of `count` points.
    pub fn lengths(self, count: usize) -> FeaturesLengths {
        let (coloured, infrared) = (count * usize::from(self.rgb), count * usize::from(self.infrared));
        FeaturesLengths {
            normals: count,
            curvature: count,
            planarity: count,
            linearity: count,
            sphericity: count,
            density: count,
            height: count,
            brightness: coloured,
            saturation: coloured,
            greenness: coloured,
            ndvi: infrared,
        }
    }
}
