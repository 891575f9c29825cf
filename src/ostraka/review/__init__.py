"""Items, verdicts, cases and decisions: what is judged, what people must decide, what they did."""
