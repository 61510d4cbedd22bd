"""Sketches of gradients: inner products of 1,024 numbers estimate the influence between examples.

TracIn's influence of z on z' is sum_i eta_i <g_i(z), g_i(z')> (Pruthi et al. 2020, "Estimating
training data influence by tracing gradient descent", section 3). A sketch s is a fixed random
linear map of the gradient with E<s(z), s(z')> = <g(z), g(z')> (their section on random
projections), so it is computed once for each example and kept.
"""

from workers.influence.sketches.maps import (
    FlatMap,
    OuterMap,
    ParameterMap,
    ProjectedMap,
    SketchSums,
)
from workers.influence.sketches.sketcher import BatchSketch, Into, Sketcher
from workers.influence.sketches.spec import SketchSpec, sum_of_sketches

__all__ = [
    "BatchSketch",
    "FlatMap",
    "Into",
    "OuterMap",
    "ParameterMap",
    "ProjectedMap",
    "SketchSpec",
    "SketchSums",
    "Sketcher",
    "sum_of_sketches",
]
