"""Training: data preparation, the trainers of the two stages, evaluation and reports.

Everything here needs the `train` extra (`pip install 'ostraka[train]'`); what it writes is loaded
and served by `ostraka.assess` without it.
"""
