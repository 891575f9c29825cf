"""How fast Ostraka is, each figure beside a floor or peer measured in the same run."""
