"""The program, as `python -m stylize_tf`, `python main.py` and `stylize-tf` start it."""

try:
    from stylize_tf.cli.terminal.signals import end_quietly

    end_quietly()  # Until the command itself listens, and after it.
    from stylize_tf.cli.main import run
except KeyboardInterrupt:
    raise SystemExit(130) from None

__all__ = ["fetch_weights", "run"]


def fetch_weights() -> None:
    """The command `fetch-weights` as a program of its own, `stylize-tf-fetch-weights`."""
    run("fetch-weights")


if __name__ == "__main__":
    run()
