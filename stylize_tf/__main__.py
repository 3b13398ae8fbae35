"""`python -m stylize_tf` is the command line of `main.py`."""

from stylize_tf.cli.stylize import run

if __name__ == "__main__":
    run()
