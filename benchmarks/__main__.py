"""Run every benchmark, one after the other: `python -m benchmarks [--quick] [--json FOLDER] …`.

Further options go to the benchmarks that know them: `--model FOLDER`, `--data FOLDER`. One that
cannot run here says why, and the others go on.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from ostraka.assess.artefact import bundled_artefact_folder

_KNOWN = {
    "moderations_route": (),
    "lexical": ("data",),
    "lexical_training": (),
    "training_quality": ("data",),
    "encoder": ("model", "data"),
    "cascade": ("model", "data"),
    "encoder_training": ("data",),
    "start": ("model",),
    "claims": (),
    "case_page": (),
    "key_press": (),
    "items": (),
    "review_claims": (),
    "audit": (),
    "prepare": (),
    "classifications": (),
    "judge": (),
    "policy": (),
    "backtest": (),
    "environment": (),
    "trees": (),
}


def main() -> int:
    """0 if all ran."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", type=Path, metavar="FOLDER", help="write a JSON file for each")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="see the single benchmarks")
    parser.add_argument("--data", type=Path, metavar="FOLDER", action="append", default=[])
    options = parser.parse_args()
    has_encoder = options.model or (bundled_artefact_folder() / "encoder.onnx").exists()
    failed = 0
    for name, known in _KNOWN.items():
        if name in ("encoder", "cascade") and not has_encoder:
            print(f"{name}: left out, no encoder ships with this version; give --model FOLDER")
            continue
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        command += ["--quick"] if options.quick else []
        if options.json:
            options.json.mkdir(parents=True, exist_ok=True)
            command += ["--json", str(options.json / f"{name}.json")]
        if options.model and "model" in known:
            command += ["--model", str(options.model)]
        if "data" in known:
            command += [part for folder in options.data for part in ("--data", str(folder))]
        failed += subprocess.run(command).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
