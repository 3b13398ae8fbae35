"""Paint a photograph in the manner of a painting: `python main.py --help`."""

from stylize_tf.cli.stylize import run

if __name__ == "__main__":
    run()
