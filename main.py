"""Paint a photograph in the manner of a painting: `python main.py --help`."""

try:
    from stylize_tf.__main__ import run
except KeyboardInterrupt:  # In the milliseconds before anything of ours listens.
    raise SystemExit(130) from None

if __name__ == "__main__":
    run()
