"""The command line: `python train.py train --input=records --gpu=0`; `--help` tells the rest."""

from tfseg.cli import main

if __name__ == "__main__":
    main()
