"""Paint a photograph in the manner of a painting: `python main.py --help`."""

from stylize_tf.__main__ import run

if __name__ == "__main__":
    run()
