"""What the losses should be, in plain NumPy and float64, and derivatives by differences."""

import numpy as np
import scipy.linalg
import scipy.optimize


def moments(features):
    """Mean `[C]` and covariance `[C, C]` over the positions of features `[H, W, C]`."""
    rows = np.asarray(features, np.float64).reshape(-1, np.shape(features)[-1])
    return rows.mean(0), np.cov(rows, rowvar=False, bias=True).reshape(2 * rows.shape[1:])


def gram(features):
    """`F'F` of features `[H, W, C]`, summed over positions."""
    rows = np.asarray(features, np.float64).reshape(-1, np.shape(features)[-1])
    return rows.T @ rows


def wasserstein_2(mean, covariance, target_mean, target_covariance):
    """Squared distance between Gaussians a channel, by SciPy's general matrix root."""
    cross = scipy.linalg.sqrtm(covariance @ target_covariance)
    spread = np.trace(covariance + target_covariance - 2 * np.real(cross))
    return (np.sum((mean - target_mean) ** 2) + spread) / len(mean)


def bures(mean, covariance, target_mean, target_covariance):
    """The root-free form, entry by entry; the least variances of the target, if equal, as one."""
    variances, axes = np.linalg.eigh(target_covariance)
    difference = axes.T @ covariance @ axes - np.diag(variances)
    null = np.flatnonzero(variances < variances[0] + 1e-9 * variances[-1])
    excess = np.diag(difference).copy()
    if len(null) > 1:
        block = difference[np.ix_(null, null)]
        excess[null] = np.sum(block**2) / np.trace(block)
    scale = ((np.sqrt(variances + excess) + np.sqrt(variances)) / 2) ** 2
    spread = 0.0
    for i in range(len(mean)):
        for j in range(len(mean)):
            spread += difference[i, j] ** 2 / (2 * (scale[i] + scale[j]))
    return (np.sum((mean - target_mean) ** 2) + spread) / len(mean)


def positive_definite(rng, channels, condition=100.0):
    """A random covariance with eigenvalues from 1 / condition to 1, in random axes."""
    axes = rotation(rng, channels)
    return (axes * np.geomspace(1 / condition, 1, channels)) @ axes.T


def rotation(rng, channels):
    """A random orthogonal matrix."""
    return np.linalg.qr(rng.normal(size=(channels, channels)))[0]


def slopes(function, x, directions, step):
    """Derivatives of a scalar function along directions `[K, ...]`, by central differences."""
    return np.array(
        [
            (float(function(x + step * d)) - float(function(x - step * d))) / (2 * step)
            for d in directions
        ]
    )


def rosenbrock(x):
    """Rosenbrock's function of a vector of any length, and its gradient."""
    return scipy.optimize.rosen(x), scipy.optimize.rosen_der(x)


def quadratic(rng, size, condition):
    """Hessian and minimum of a quadratic with eigenvalues from 1 / condition to 1."""
    return positive_definite(rng, size, condition), rng.normal(size=size)


def lbfgs_direction(gradient, pairs, radius):
    """`-H gradient` with H from the definition: BFGS updates of `radius * I`, as full matrices."""
    inverse = radius * np.eye(len(gradient))
    for step, change in pairs:
        rho = 1 / (step @ change)
        left = np.eye(len(gradient)) - rho * np.outer(step, change)
        inverse = left @ inverse @ left.T + rho * np.outer(step, step)
    return -inverse @ gradient


def lbfgs(function, x, history, evaluations, first_step=1.0):
    """The points at which L-BFGS evaluates a function, and how often it stepped back.

    Written plainly: pairs are a list, oldest first, and H is a full matrix.
    """
    points, pairs, radius, scale, backs = [], [], 0.0, 1.0, 0
    first = best = previous = None
    for _ in range(evaluations):
        points.append(x)
        value, gradient = function(x)
        sound = np.isfinite(value) and np.isfinite(gradient).all()
        if sound and best is not None:
            sound = value <= best[0] + max((first - best[0]) / 2, 1e-3 * abs(best[0]))
        if sound:
            if best is None:
                first, best = value, (value, x, gradient)
            else:
                step, change = x - previous[0], gradient - previous[1]
                if step @ change > 1e-6 * np.linalg.norm(step) * np.linalg.norm(change):
                    pairs = [*pairs, (step, change)][-history:]
                    radius = step @ change / (change @ change)
                if value < best[0]:
                    best = value, x, gradient
            previous = x, gradient
            scale = min(1.0, 2 * scale)
            if radius:
                move = lbfgs_direction(gradient, pairs, radius)
            else:
                move = -gradient * min(1.0, 1 / np.abs(gradient).sum()) * first_step
            x = x + scale * move
        else:
            _, x, gradient = best
            previous, pairs, scale, backs = (x, gradient), [], scale / 2, backs + 1
            cautious = min(1.0, 1 / np.abs(gradient).sum()) * first_step
            x = x - scale * gradient * (radius or cautious)
    return np.array(points), backs


def adam(
    gradient_of,
    x,
    *,
    steps,
    learning_rate,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    amsgrad=False,
    warmup_steps=0,
    clip_norm=0.0,
    bounds=None,
):
    """The points that Adam goes through: Kingma & Ba (2015), Algorithm 1 as at its section's end.

    The bias corrections are part of the step's length, so that epsilon is added to the uncorrected
    root, as in Keras. AMSGrad is Reddi et al. (2018).
    """
    x = np.asarray(x, np.float64)
    mean, square, largest, points = 0.0 * x, 0.0 * x, 0.0 * x, []
    for step in range(1, steps + 1):
        gradient = gradient_of(x)
        if clip_norm and np.linalg.norm(gradient) > clip_norm:
            gradient = gradient * clip_norm / np.linalg.norm(gradient)
        mean = beta_1 * mean + (1 - beta_1) * gradient
        square = beta_2 * square + (1 - beta_2) * gradient**2
        largest = np.maximum(largest, square) if amsgrad else square
        rate = learning_rate * (min(1.0, step / warmup_steps) if warmup_steps else 1.0)
        rate *= np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        x = x - rate * mean / (np.sqrt(largest) + epsilon)
        if bounds is not None:
            x = np.clip(x, *bounds)
        points.append(x)
    return np.array(points)
