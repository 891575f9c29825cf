"""The pages of conversation trees: contributors write, review and rank, moderators look after."""
