"""What the optimization starts from, when that is not the photograph itself."""

from __future__ import annotations

import numpy as np

from stylize_tf.images import image_io


def initial_image(
    kind: str,
    content: np.ndarray,
    style: np.ndarray,
    picture: np.ndarray | None,
    generator: np.random.Generator,
) -> np.ndarray:
    """The starting picture of the first stage.

    Args:
        kind: a choice of `StyleTransferConfig.init`.
        content: float32, `[1, H, W, 3]` in [0, 1], the photograph at the size of the stage.
        style: float32, `[1, h, w, 3]` in [0, 1].
        picture: what "picture" starts from, of any size.
        generator: source of the noise.

    Returns:
        float32, `[1, H, W, 3]` in [0, 1].
    """
    shape = content.shape
    if kind == "content":
        return content
    if kind == "picture":
        assert picture is not None  # `Sources.check` has asked for it.
        return image_io.resize(picture, shape[1], shape[2])
    if kind == "white_noise":
        image = generator.uniform(size=shape)
    elif kind == "gaussian_noise":
        image = 0.5 + 0.15 * generator.normal(size=shape)
    elif kind == "pink_noise":
        image = 0.5 + 0.15 * pink_noise(shape, generator)
    else:
        image = style_statistics(shape, style, generator)
    return np.clip(image, 0, 1).astype(np.float32)


def pink_noise(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Gaussian noise whose amplitude falls as 1/frequency, as in natural pictures.

    Field (1987). Mean 0 and standard deviation 1 in each channel; float64, `[N, H, W, C]`.
    """
    white = generator.normal(size=shape)
    frequency = np.hypot(
        np.fft.fftfreq(shape[1])[:, np.newaxis], np.fft.fftfreq(shape[2])[np.newaxis]
    )
    frequency[0, 0] = np.inf
    spectrum = np.fft.fft2(white, axes=(1, 2)) / frequency[np.newaxis, :, :, np.newaxis]
    noise = np.fft.ifft2(spectrum, axes=(1, 2)).real
    noise = noise - noise.mean(axis=(1, 2), keepdims=True)
    return noise / np.maximum(noise.std(axis=(1, 2), keepdims=True), 1e-12)


def style_statistics(
    shape: tuple[int, ...], style: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Noise with the mean color, the color covariance and the power spectrum of the style.

    The spectrum is taken over by giving the style's own (resized) Fourier amplitudes random phases:
    Galerne, Gousseau & Morel (2011), random phase noise. The same phases in all channels keep the
    covariance of the colors.

    Returns:
        float64, `[1, H, W, 3]`, unclipped.
    """
    texture = image_io.resize(style, shape[1], shape[2])
    mean = texture.mean(axis=(1, 2), keepdims=True)
    phases = np.fft.fft2(generator.normal(size=(1, shape[1], shape[2], 1)), axes=(1, 2))
    phases /= np.maximum(np.abs(phases), 1e-12)
    phases[0, 0, 0] = 1
    return mean + np.fft.ifft2(np.fft.fft2(texture - mean, axes=(1, 2)) * phases, axes=(1, 2)).real
