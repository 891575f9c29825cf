"""Start to first answer, memory with all stages in use, import time, size on disk."""

import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks import server
from benchmarks.report import Figure, Goal, arguments, model_option, show
from benchmarks.texts import comments
from ostraka.assess.artefact import bundled_artefact_folder

_IMPORT = (
    "import time; started = time.perf_counter(); import ostraka; "
    "print(time.perf_counter() - started)"
)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    model_option(parser)
    options = parser.parse_args()
    rounds = 3 if options.quick else 7
    with TemporaryDirectory() as scratch:
        served = _served(options.model, Path(scratch))
        runs = [_start_and_use(served) for _ in range(rounds)]
        stages = "with the encoder" if _has_encoder(served) else "lexical stage only"
    imports = [
        float(subprocess.check_output([sys.executable, "-c", _IMPORT])) for _ in range(rounds)
    ]
    figures = [
        Figure("start to first answer", "s", [s for s, _ in runs], goal=Goal(below=2), note=stages),
        Figure("resident memory after 256 texts", "MB", [m for _, m in runs], goal=Goal(below=350)),
        Figure("import ostraka", "s", imports, goal=Goal(below=0.3)),
        Figure("core install on disk", "MB", [_installed("ostraka")], goal=Goal(below=400)),
    ]
    show("start and size", figures, options.json)


def _served(given: Path | None, scratch: Path) -> Path:
    if given is None:
        return bundled_artefact_folder()
    from benchmarks.models import artefact_with_encoder  # needs the training stack

    return artefact_with_encoder(given, scratch)


def _has_encoder(served: Path) -> bool:
    return (served / "encoder.onnx").exists()


def _start_and_use(served: Path) -> tuple[float, float]:
    """Seconds until the first answer, and MB resident after each stage has judged 256 texts."""
    with server.ostraka(model_folder=str(served)) as running:
        texts = comments(256)
        for model in ("ostraka-lexical", "ostraka-encoder"):
            if model == "ostraka-lexical" or _has_encoder(served):
                running.post("/v1/moderations", {"model": model, "input": texts})
        return running.seconds_to_answer, running.process.memory_info().rss / 1e6


def _installed(package: str) -> float:
    """MB of the files of `package` and of everything it needs, extras left out."""
    pending: list[tuple[str, frozenset[str]]] = [(package, frozenset())]
    seen = set(pending)
    sizes: dict[str, int] = {}
    while pending:
        name, extras = pending.pop()
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # not needed on this platform
        sizes[name] = _size(found)
        for needed in map(Requirement, found.requires or ()):
            asked = extras or {""}
            if needed.marker and not any(needed.marker.evaluate({"extra": e}) for e in asked):
                continue
            key = (canonicalize_name(needed.name), frozenset(needed.extras))
            if key not in seen:
                seen.add(key)
                pending.append(key)
    return sum(sizes.values()) / 1e6


def _size(found: Distribution) -> int:
    paths = [Path(str(file.locate())) for file in found.files or ()]
    if found.name == "ostraka":  # maybe an editable install, whose files are not listed
        paths = [p for p in Path(str(files("ostraka"))).rglob("*") if "__pycache__" not in p.parts]
    return sum(path.stat().st_size for path in paths if path.is_file())


if __name__ == "__main__":
    main()
