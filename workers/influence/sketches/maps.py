"""The random linear map of each parameter's gradient, with the quick ways to apply it.

Which map a parameter has depends on its name and shape alone, never on how its gradient is
computed. So a layer called twice adds up, and a batch that takes the slow path has sketches like
the others'. Three maps:

- `FlatMap`: every entry of the gradient gets a random sign and is added to a random bucket
  (CountSketch: Charikar et al. 2002; Weinberger et al. 2009, "Feature hashing").
- `OuterMap`, matrices: bucket (h(row) + h'(column)) mod D and sign s(row) s'(column). The sketch of
  an outer product d a' is then the circular convolution of the sketches of d and a, so that the
  gradient need not be formed (Pham and Pagh 2013, "Fast and scalable polynomial kernels via
  explicit feature maps": TensorSketch).
- `ProjectedMap`, convolutions: Q G P' of `rank` by `rank`, then as `FlatMap`. P applied to patches
  is itself a convolution.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

# Measured on a CPU, in multiply-adds of a matrix product: adding one number to a bucket; and one of
# a sketch's numbers by way of the Fourier transforms of both sides.
_BUCKET_COST = 40
_FOURIER_COST = 80
_CHUNK_FLOATS = 1 << 20
_ALL = slice(None)


@dataclass
class SketchSums:
    """Sketches of a batch, being summed over parameters.

    plain: (B, D).
    spectrum: (B, D // 2 + 1), what is summed as Fourier transforms: one inverse for all layers.
    """

    plain: Tensor
    spectrum: Tensor | None = None

    def total(self) -> Tensor:
        """(B, D)."""
        if self.spectrum is None:
            return self.plain
        return torch.fft.irfft(self.spectrum, n=self.plain.shape[1]).add_(self.plain)

    def add_spectrum(self, spectrum: Tensor, at: slice) -> None:
        if self.spectrum is not None:
            self.spectrum[at] += spectrum
        elif len(spectrum) == len(self.plain):
            self.spectrum = spectrum
        else:
            self.spectrum = spectrum.new_zeros(len(self.plain), spectrum.shape[1])
            self.spectrum[at] = spectrum


class ParameterMap(ABC):
    """From the gradient of one parameter to D numbers. `at`: which examples of the batch."""

    shape: torch.Size

    @abstractmethod
    def add(self, sums: SketchSums, gradient: Tensor, at: slice = _ALL) -> None:
        """Adds the sketch of formed gradients, (b, *shape)."""

    def add_outer(self, sums: SketchSums, a: Tensor, d: Tensor, at: slice = _ALL) -> None:
        """Adds that of sum_t d_t a_t': a (b, T, columns), d (b, T, rows)."""
        first = at.start or 0
        rows, columns = d.shape[2], a.shape[2]
        for cut in _cuts(len(d), rows * columns):
            end = min(cut.stop, len(d))
            self.add(sums, d[cut].mT @ a[cut], slice(first + cut.start, first + end))


@dataclass(frozen=True)
class FlatMap(ParameterMap):
    """bucket, sign: one for each entry of the parameter, (numel,)."""

    shape: torch.Size
    bucket: Tensor
    sign: Tensor

    def add(self, sums: SketchSums, gradient: Tensor, at: slice = _ALL) -> None:
        flat = gradient.reshape(len(gradient), -1).to(sums.plain.dtype)
        _scatter(sums, self.bucket, flat * self.sign.to(flat.dtype), at)


@dataclass(frozen=True)
class OuterMap(ParameterMap):
    """row_bucket, row_sign: (rows,); column_bucket, column_sign: (columns,)."""

    shape: torch.Size
    dimension: int
    row_bucket: Tensor
    row_sign: Tensor
    column_bucket: Tensor
    column_sign: Tensor

    def add(self, sums: SketchSums, gradient: Tensor, at: slice = _ALL) -> None:
        bucket = (self.row_bucket[:, None] + self.column_bucket) % self.dimension
        sign = (self.row_sign[:, None] * self.column_sign).to(sums.plain.dtype)
        signed = gradient.to(sums.plain.dtype) * sign
        _scatter(sums, bucket.flatten(), signed.flatten(1), at)

    def add_outer(self, sums: SketchSums, a: Tensor, d: Tensor, at: slice = _ALL) -> None:
        n, t, columns = a.shape
        rows = d.shape[2]
        formed = rows * columns * (t + _BUCKET_COST)
        if formed < t * self.dimension * _FOURIER_COST:
            super().add_outer(sums, a, d, at)
            return
        first = at.start or 0
        for cut in _cuts(n, 4 * t * self.dimension):
            end = min(cut.stop, n)
            left = self._spectrum(d[cut], self.row_bucket, self.row_sign, sums.plain.dtype)
            right = self._spectrum(a[cut], self.column_bucket, self.column_sign, sums.plain.dtype)
            both = left.mul_(right).sum(1) if t > 1 else left.mul_(right).squeeze(1)
            sums.add_spectrum(both, slice(first + cut.start, first + end))

    def add_rows(self, sums: SketchSums, rows: Tensor, d: Tensor) -> None:
        """Adds that of d_t in row rows_t, summed over t: d (B, T, columns).

        Args:
            rows: (B, T); or (B, T, columns), a row for each number.
        """
        rows = rows.reshape(*d.shape[:2], -1)
        bucket = (self.row_bucket[rows] + self.column_bucket) % self.dimension
        sign = (self.row_sign[rows] * self.column_sign).to(sums.plain.dtype)
        signed = d.to(sums.plain.dtype) * sign
        sums.plain.scatter_add_(1, bucket.flatten(1), signed.flatten(1))

    def _spectrum(self, x: Tensor, bucket: Tensor, sign: Tensor, dtype: torch.dtype) -> Tensor:
        """Fourier transform of the sketch of each vector: (b, T, n) → (b, T, D // 2 + 1)."""
        signed = (x.to(dtype) * sign.to(dtype)).flatten(0, 1)
        placed = signed.new_zeros(len(signed), self.dimension)
        placed.scatter_add_(1, bucket.expand(signed.shape), signed)
        return torch.fft.rfft(placed).unflatten(0, x.shape[:2])


@dataclass(frozen=True)
class ProjectedMap(ParameterMap):
    """rows: (r, shape[0]); columns: (c, the other axes' numbers); bucket, sign: (r * c,)."""

    shape: torch.Size
    rows: Tensor
    columns: Tensor
    bucket: Tensor
    sign: Tensor

    def add(self, sums: SketchSums, gradient: Tensor, at: slice = _ALL) -> None:
        dtype = sums.plain.dtype
        flat = gradient.to(dtype).flatten(2)
        self.add_projected(sums, self.rows.to(dtype) @ flat @ self.columns.to(dtype).mT, at)

    def add_projected(self, sums: SketchSums, projected: Tensor, at: slice = _ALL) -> None:
        """Adds that of gradients of which rows @ G @ columns' is known, (b, r, c)."""
        flat = projected.flatten(1).to(sums.plain.dtype)
        _scatter(sums, self.bucket, flat * self.sign.to(flat.dtype), at)


def _scatter(sums: SketchSums, bucket: Tensor, signed: Tensor, at: slice) -> None:
    sums.plain[at].scatter_add_(1, bucket.expand(signed.shape), signed)


def _cuts(n: int, floats_each: int) -> list[slice]:
    step = max(1, _CHUNK_FLOATS // max(1, floats_each))
    return [slice(start, start + step) for start in range(0, n, step)]
