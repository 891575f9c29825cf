"""The policy: a document of thresholds and rules, and its evaluation. Values in, values out."""
