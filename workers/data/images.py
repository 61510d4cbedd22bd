"""Opening encoded images, of which any may be damaged or hostile."""

import io

import numpy as np
from PIL import Image

# Formats decoded by Pillow itself: EPS, for one, would start Ghostscript.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm",
)  # fmt: skip
MAX_PIXELS = 64_000_000
MAX_BYTES = 256 << 20


class ImageRejected(ValueError):
    """The image cannot be used; the message is the reason."""


def decode_image(data: bytes) -> Image.Image:
    """An image, fully decoded: its first frame.

    Raises:
        ImageRejected: corrupt, cut short, of an unknown format, or too large.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    except Exception as error:  # parsers of damaged files raise anything
        raise ImageRejected("not an image, or a corrupt one") from error
    # Before decoding: a small file can claim, and fill, any amount of memory.
    if image.width * image.height > MAX_PIXELS:
        raise _too_large()
    try:
        image.load()
    except Exception as error:  # as above
        raise ImageRejected(f"corrupt or truncated image: {error}") from error
    return image


def _too_large() -> ImageRejected:
    return ImageRejected(f"image of more than {MAX_PIXELS // 1_000_000} million pixels")


def plain_mode(image: Image.Image, channels: int | None = None) -> Image.Image:
    """Grey (1 channel) or colour (3), 8 bits each; 16-bit and float grey images keep their depth.

    Palettes become colours; transparency is dropped.
    """
    if image.mode.startswith("I") or image.mode == "F":
        if channels != 3:
            return image
        raise ImageRejected("grey images of more than 8 bits cannot become colour images")
    if channels is None:
        channels = 1 if image.mode in ("1", "L", "LA", "La") else 3
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow's own advice for such palettes
    return image.convert("L" if channels == 1 else "RGB")


def as_array(image: Image.Image) -> np.ndarray:
    """(H, W, C): uint8, uint16 or float32."""
    pixels = np.asarray(image)
    if image.mode.startswith("I"):
        pixels = pixels.astype(np.uint16 if image.mode != "I" else np.float32)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]
