"""Pages of policy owners and leads: policies, insights, the audit log."""
