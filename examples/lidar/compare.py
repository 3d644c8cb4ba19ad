"""Compares the features that the example `lidar` wrote with those of an independent program, jakteristics
(https://github.com/jakarto3d/jakteristics), on the same points with the same radius. It is run on purpose, not
by a test:

    cargo run --release --example lidar -- TILE.laz --radius 5 --out out
    python3 -m venv venv && venv/bin/pip install jakteristics==0.6.2 'laspy[lazrs]==2.7.0'
    venv/bin/python examples/lidar/compare.py out/TILE-features.laz 5

Exits with 1 if a feature of more than one point in 10,000 differs by more than 0.001, or if the median of the
differences is above 0.00001. A point that is exactly as far away as the radius may be counted by one program
only, since they round differently; that is the reason for single larger differences. Where a ball has fewer than
three points, the example gives NaN. The last figure of the first line is the number of points for which only one
program found three.
"""

import sys

import laspy
import numpy
from jakteristics import compute_features

NAMES = {
    "Linearity": "linearity",
    "Planarity": "planarity",
    "Sphericity": "sphericity",
    "Curvature": "surface_variation",
}
LARGE, FEW, MEDIAN = 1e-3, 1e-4, 1e-5


def main(path, radius):
    tile = laspy.read(path)
    # From the corner of the tile, as doubles: nothing is lost.
    points = numpy.stack([tile.x, tile.y, tile.z], axis=1)
    points = numpy.ascontiguousarray(points - points.min(axis=0))
    names = [*NAMES.values(), "nx", "ny", "nz", "number_of_neighbors"]
    theirs = compute_features(points, search_radius=radius, feature_names=names)
    theirs = dict(zip(names, theirs.astype(numpy.float64).T))

    few = theirs["number_of_neighbors"] < 3
    wrong = (numpy.isnan(tile["Linearity"]) != few).sum()
    good = wrong <= FEW * len(points)
    print(f"{len(points)} points, radius {radius}, {few.sum()} points with fewer than 3 in the ball, {wrong} of another kind")
    print("feature      median       99.99 %      largest")
    differences = {}
    for ours, name in NAMES.items():
        mine, other = numpy.asarray(tile[ours], dtype=numpy.float64), theirs[name]
        differences[ours] = numpy.abs(mine - other)[~few]
    # Normals may point to opposite sides, and are of no meaning where two directions are equally thin.
    mine = numpy.stack([tile["NormalX"], tile["NormalY"], tile["NormalZ"]], axis=1).astype(numpy.float64)
    other = numpy.stack([theirs["nx"], theirs["ny"], theirs["nz"]], axis=1)
    thin = ~few & (theirs["planarity"] > 0.1)
    along = numpy.abs((mine * other).sum(axis=1) / numpy.linalg.norm(other, axis=1))
    differences["Normal"] = numpy.abs(1 - along)[thin]

    for name, apart in differences.items():
        there = apart[~numpy.isnan(apart)]
        median, most, largest = numpy.median(there), numpy.quantile(there, 1 - FEW), there.max()
        print(f"{name:12} {median:.1e}      {most:.1e}      {largest:.1e}")
        good &= median <= MEDIAN and most <= LARGE and len(there) == len(apart)
    return 0 if good else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
