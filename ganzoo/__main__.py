"""``python -m ganzoo``, which ``torchrun -m ganzoo`` needs."""

from ganzoo.cli import main

if __name__ == "__main__":
    main()
