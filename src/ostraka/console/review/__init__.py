"""The pages that reviewers work with: queue, case, appeals, items."""
