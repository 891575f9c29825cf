"""Our server over a classifier whose encoder takes its time, to be full and to be stopped.

python slow_server.py PORT SECONDS_PER_PASS: every text is doubtful for the lexical stage.
"""

import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ostraka.assess.artefact import Artefact, bundled_artefact_folder
from ostraka.assess.base import Scores
from ostraka.assess.cascade import Bands
from ostraka.moderator import Moderator
from ostraka.server.app import create_app
from ostraka.server.run import run
from ostraka.settings import load_settings


class SlowEncoder:
    name = "encoder"
    digest = "0" * 64

    def __init__(self, artefact: Artefact, seconds: float) -> None:
        self.categories = artefact.categories
        self._seconds = seconds

    def assess(self, texts: Sequence[str]) -> Scores:
        time.sleep(self._seconds)
        return np.full((len(texts), len(self.categories)), 0.25, np.float32)


def slow_moderator(seconds: float) -> Moderator:
    artefact = Artefact.load(Path(bundled_artefact_folder()))
    zero, one = np.zeros(len(artefact.categories), np.float32), 1
    slow = dataclasses.replace(
        artefact,
        stages=(artefact.stages[0], SlowEncoder(artefact, seconds)),
        bands={"lexical": Bands(zero, zero + one), "encoder": Bands(zero - one, zero - one)},
    )
    return Moderator(slow)


def main() -> None:
    settings = load_settings(port=int(sys.argv[1]))
    application = create_app(settings, slow_moderator(float(sys.argv[2])))
    run(application, application.state.load, settings)


if __name__ == "__main__":
    main()
