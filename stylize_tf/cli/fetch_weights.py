"""`python -m stylize_tf.cli.fetch_weights`: what the command `fetch-weights` was called first."""

from stylize_tf.cli.main import run

if __name__ == "__main__":
    run("fetch-weights")
